"""PURE: short answers in one form, so that ``**B**``, ``(b)`` and ``Answer: B.`` are one label."""

from __future__ import annotations

import re
import unicodedata

from downroute.answers.stated import stated, unescaped_latex

_TYPOGRAPHY = str.maketrans("“”„«»‘’‚´`−–—‑", '"""""\'\'\'\'' + "'----")
_SPACE = re.compile(r"\s+")
_FENCE = re.compile(r"```+[\w-]*\n(.*?)\n?```+", re.DOTALL)
_BULLET = re.compile(r"(?:[-*•>#]+\s+)+")
_PAIRS = ("**", "__", "*", "_", "$", '"', "'")
_BRACKETED_WORD = re.compile(r"[(\[<]\s*([^\W\d_]+)\s*[)\]>]")
_TRAILING = " \t\n.,;:!。，；：！"
_OPTION = re.compile(r"(?i:option|choice)?\s*\(?\s*(?P<letter>[A-Z])\s*(?:\)|[.:,]|\s-(?=\s)|\n|$)")
_LITERAL_SPACE = re.compile(r"\s*([\[\](){},:])\s*")


def label(text: str) -> str:
    """``text`` in the form in which labels are compared: the stated answer only, without Markdown,
    quotes, brackets around one word, bullets and closing punctuation; white space folded, case
    ignored."""
    return plain(text).casefold()


def plain(text: str) -> str:
    """`label` with its case kept."""
    fenced = _FENCE.fullmatch(text.strip())
    text = _typed(text if fenced is None else fenced[1])
    marked = stated(text)
    return _bare(text if marked is None else marked)


def literal(text: str) -> str | None:
    """What a quoted or bracketed text holds (``'aBc'``, ``[(1, 2)]``), case kept, in one spacing
    and one kind of quotes; ``None`` where the text is no such literal."""
    text = _typed(text).strip()
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    if (
        len(text) >= 2
        and text[0] + text[-1] in ("[]", "()", "{}")
        and not _BRACKETED_WORD.fullmatch(text)
    ):
        return _LITERAL_SPACE.sub(r"\1", text).replace("'", '"')
    return None


def same_text(first: str, second: str) -> bool:
    """Whether two short texts say the same: as labels, but with their case where one of them is a
    literal, since ``'AB'`` is not ``'ab'``."""
    literals = literal(first), literal(second)
    if literals == (None, None):
        return label(first) == label(second)
    one, other = (
        plain(t) if inner is None else inner
        for t, inner in zip((first, second), literals, strict=True)
    )
    return one == other


def option_letter(text: str) -> str | None:
    """The letter of a multiple-choice answer that goes on after it: ``B) Paris``, ``Option C: …``,
    ``D`` on a line of its own before an explanation."""
    text = _typed(text)
    for part in (stated(text), text):
        match = _OPTION.match(part.replace("**", "").strip()) if part is not None else None
        if match is not None:
            return match["letter"]
    return None


def folded(text: str, *, case: bool = False) -> str:
    """A text of any length in one typography and spacing; case ignored unless ``case``."""
    text = _SPACE.sub(" ", _typed(text)).strip()
    return text if case else text.casefold()


def _typed(text: str) -> str:
    return unicodedata.normalize("NFKC", unescaped_latex(text).translate(_TYPOGRAPHY))


def _bare(text: str) -> str:
    text = text.strip()
    before = None
    while before != text:
        before = text
        text = _BULLET.sub("", text, count=1) if _BULLET.match(text) else text
        text = _unwrapped(text)
        text = text.rstrip(_TRAILING) or text
        if text.endswith(")") and "(" not in text:
            text = text[:-1]
        text = text.strip()
    return _SPACE.sub(" ", text)


def _unwrapped(text: str) -> str:
    for mark in _PAIRS:
        if len(text) > 2 * len(mark) and text.startswith(mark) and text.endswith(mark):
            inner = text[len(mark) : -len(mark)]
            if mark not in inner:
                return inner.strip()
    match = _BRACKETED_WORD.fullmatch(text)
    return match[1] if match is not None else text
