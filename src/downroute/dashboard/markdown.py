"""Markdown of a stranger as HTML that can do nothing: no raw HTML, no link, no image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markupsafe import Markup, escape


def markdown(text: str) -> Markup:
    """``text`` as HTML. Links become their text with the address beside it, images a note; what
    looks like HTML is shown as it was written."""
    return Markup(_PARSER.render(text))  # noqa: S704 (the parser escapes whatever it is given)


class _Inert(RendererHTML):
    """Renders the parser's tokens, links and images as text."""

    def link_open(self, tokens: Sequence[Token], index: int, *_: Any) -> str:
        address = escape(str(tokens[index].attrGet("href") or ""))
        return f'<span class="link" title="{address}">'

    def link_close(self, *_: Any) -> str:
        return "</span>"

    def image(self, tokens: Sequence[Token], index: int, *_: Any) -> str:
        return f'<span class="note">[image: {escape(tokens[index].content)}]</span>'

    def fence(self, tokens: Sequence[Token], index: int, *_: Any) -> str:
        token = tokens[index]
        return f"<pre><code>{escape(token.content)}</code></pre>\n"


def _parser() -> MarkdownIt:
    settings = {"html": False, "linkify": False, "typographer": False, "breaks": True}
    parser = MarkdownIt("commonmark", settings, renderer_cls=_Inert)
    # Every address is shown, none is ever followed, so none needs to be refused.
    return parser.enable(["table", "strikethrough"])


_PARSER = _parser()
