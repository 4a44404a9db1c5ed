"""PURE: the XML or HTML of an answer, and what is wrong with it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from xml.parsers import expat

MAX_DEPTH = 500
"""Deeper nesting counts as a fault."""

_FENCE = re.compile(r"```+[\w-]*[ \t]*\n(.*?)\n?[ \t]*```+", re.DOTALL)
_TAG = re.compile(r"<(?:[A-Za-z_!?/])")


def markup(text: str | None, *, anywhere: bool = False) -> str:
    """The markup of an answer: all of it, or what one code fence around it holds; with ``anywhere``
    what the first fence inside prose holds, else from the first tag to the last."""
    said = (text or "").strip()
    fenced = _FENCE.fullmatch(said)
    if fenced is not None:
        return fenced[1].strip()
    if not anywhere:
        return said
    inside = _FENCE.search(said)
    if inside is not None and _TAG.search(inside[1]):
        return inside[1].strip()
    first = _TAG.search(said)
    return said[first.start() : said.rfind(">") + 1] if first is not None else ""


def xml_fault(text: str) -> tuple[str | None, frozenset[str]]:
    """Why ``text`` is not well-formed XML (``None`` where it is), and the names of its elements.

    Document types are refused: entities can be made to grow without end or to read files.
    """
    names: set[str] = set()
    depth = 0

    def opened(name: str, attributes: object) -> None:  # noqa: ARG001
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise _FaultError("it is nested too deep")
        names.add(name)

    def closed(name: str) -> None:  # noqa: ARG001
        nonlocal depth
        depth -= 1

    def refused(*declared: object) -> None:  # noqa: ARG001
        raise _FaultError("it declares a document type")

    parser = expat.ParserCreate()
    parser.StartElementHandler = opened
    parser.EndElementHandler = closed
    parser.StartDoctypeDeclHandler = refused
    try:
        parser.Parse(_DECLARED_ENCODING.sub("", text).encode("utf-8"), True)
    except expat.ExpatError as fault:
        return f"line {fault.lineno}: {expat.errors.messages[fault.code]}", frozenset(names)
    except (_FaultError, UnicodeEncodeError) as other:
        told = str(other) if isinstance(other, _FaultError) else "it is no Unicode text"
        return told, frozenset(names)
    return None, frozenset(names)


def html_fault(text: str) -> tuple[str | None, frozenset[str]]:
    """Why ``text`` is no HTML whose elements are closed in order (``None`` where it is), and the
    names of its elements. End tags that HTML lets one leave out (``</li>``, ``</p>``, …) may be."""
    checker = _Checker()
    try:
        checker.feed(text)
        checker.close()
    except _FaultError as fault:
        return str(fault), frozenset(checker.names)
    return checker.fault(), frozenset(checker.names)


_DECLARED_ENCODING = re.compile(r"""\s+encoding\s*=\s*["'][\w.-]*["'](?=[^>]*\?>)""")
_VOID = frozenset({
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param",
    "source", "track", "wbr",
})  # fmt: skip
_MAY_STAY_OPEN = frozenset({
    "html", "head", "body", "p", "li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot",
    "option", "optgroup", "colgroup", "caption", "rb", "rt", "rtc", "rp",
})  # fmt: skip
_OTHERS = frozenset({
    "a", "abbr", "address", "article", "aside", "audio", "b", "bdi", "bdo", "blockquote",
    "button", "canvas", "cite", "code", "data", "datalist", "del", "details", "dfn", "dialog",
    "div", "dl", "em", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3",
    "h4", "h5", "h6", "header", "hgroup", "i", "iframe", "ins", "kbd", "label", "legend",
    "main", "map", "mark", "menu", "meter", "nav", "noscript", "object", "ol", "output",
    "picture", "pre", "progress", "q", "s", "samp", "script", "search", "section", "select",
    "slot", "small", "span", "strong", "style", "sub", "summary", "sup", "svg", "math", "table",
    "template", "textarea", "time", "title", "u", "ul", "var", "video",
})  # fmt: skip
_ELEMENTS = _VOID | _MAY_STAY_OPEN | _OTHERS


class _FaultError(Exception):
    pass


class _Checker(HTMLParser):
    """Follows the tags; ``open`` are the elements not yet closed, outermost first."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.names: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002
        self.names.add(tag)
        if tag not in _VOID:
            self.open.append(tag)
        if len(self.open) > MAX_DEPTH:
            raise _FaultError("it is nested too deep")

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID and (tag not in _ELEMENTS or {"svg", "math"} & set(self.open)):
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag in _VOID or tag == "p":  # a stray </p> is an empty paragraph
            if tag in self.open:
                del self.open[len(self.open) - 1 - self.open[::-1].index(tag) :]
            return
        while self.open and self.open[-1] != tag and self.open[-1] in _MAY_STAY_OPEN:
            self.open.pop()
        if not self.open or self.open[-1] != tag:
            raise _FaultError(f"</{tag}> closes what is not open" if self.open else "stray end tag")
        self.open.pop()

    def fault(self) -> str | None:
        if not self.names & _ELEMENTS:
            return "it has no HTML elements"
        left = [name for name in self.open if name not in _MAY_STAY_OPEN]
        return f"<{left[-1]}> is never closed" if left else None
