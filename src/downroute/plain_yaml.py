"""PURE: YAML as people and `study` write it, read in a tenth of the time a whole parser takes.

Mappings and lists in blocks or brackets, words, numbers, days and quoted strings on one line,
comments. What is anything else, or wrong in any way, is not read at all: a whole parser then says
what it means, or where the fault is. Nothing is read otherwise than that parser would read it.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Any, NoReturn

_ODD = re.compile("[^\n\x20-\x7e\xa1-\u1fff\u2010-\u2027\u2030-\ud7ff]")
"""Tabs, carriage returns, further ends of lines, marks of the order of bytes, what is not shown."""
_QUOTED = r"""'[^'\n]*'|"[^"\\\n]*\""""
_KEY = re.compile(rf"({_QUOTED}|[^\W\d][\w./@+-]{{0,200}}|[0-9][\w.@-]{{0,200}}):(?= |$)")
_IN_NO_NUMBER = re.compile("[g-np-su-wyG-NP-SU-WY]")
"""Letters that stand in no number, day or time, however written."""
_ENTRY = re.compile(r"- +(?=\S)")
_COMMENT = re.compile(r" *(?:$| #.*)")
_STRING = re.compile(_QUOTED)
_WORDS = re.compile(r"[^\s,\[\]{}#:'\"](?:[\w./%+@$~()^=*?!;<>|&' -]|:(?![\s,\[\]{}]|$))*")
_TEXT = re.compile(r"(?:~?/|\.{0,2}/|\.)?[^\W\d]")
"""How a word begins that is neither number nor day nor anything of YAML's own."""
_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,17}")
_EXPONENT = "e[-+][0-9]{1,2}"
_NUMBER = re.compile(rf"-?(?:0|[1-9][0-9]{{0,17}})(?:\.[0-9]+(?:{_EXPONENT})?|{_EXPONENT})")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MARK = re.compile(
    r"(?!0[xob])[0-9][0-9a-z]*[acdf-np-wyz][0-9a-z]*"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}Z/[0-9]+"
    r"|[0-9]+(?:\.[0-9]+){2,}"
)
"""Words that begin with a digit and are no numbers: fingerprints, names of studies, addresses."""
_MEANT = {"true": True, "false": False, "null": None, "~": None}
_OTHER_SPELLINGS = frozenset({*_MEANT, "yes", "no", "on", "off", "y", "n", ".inf", ".nan"})
_DEEPEST = 40


class _NotPlainError(Exception):
    pass


def read_plain(text: str) -> dict[str, Any] | None:
    """The mapping that ``text`` is; ``None`` where it is not plain."""
    if _ODD.search(text):
        return None
    lines = []
    for line in text.split("\n"):
        content = line.lstrip(" ")
        if content and content[0] != "#":
            lines.append((len(line) - len(content), content))
    try:
        return _Reader(lines).whole()
    except (_NotPlainError, ValueError):
        return None


class _Reader:
    """``lines`` are those that say something, each its indent and what stands there; ``at`` is the
    one that is read next."""

    def __init__(self, lines: list[tuple[int, str]]) -> None:
        self._lines = [*lines, (-1, "")]
        self._at = 0
        self._depth = 0

    def whole(self) -> dict[str, Any]:
        found = self._mapping(0) if self._indent == 0 else {}
        if self._at != len(self._lines) - 1:
            _leave()
        return found

    @property
    def _indent(self) -> int:
        return self._lines[self._at][0]

    def _mapping(self, indent: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        self._deeper()
        while self._indent == indent:
            content = self._lines[self._at][1]
            key = _KEY.match(content) or _leave()
            name = _name(key[1])
            if name in found:
                _leave()
            found[name] = self._value(content, key.end(), indent)
        self._shallower(indent)
        return found

    def _value(self, content: str, start: int, indent: int) -> Any:
        """What stands behind a key of a mapping at ``indent``."""
        if not _COMMENT.fullmatch(content, start):
            return self._inline(content, start, indent)
        self._at += 1
        below, first = self._lines[self._at]
        if below >= indent and _ENTRY.match(first):
            return self._list(below)
        return self._mapping(below) if below > indent else None

    def _list(self, indent: int) -> list[Any]:
        found = []
        self._deeper()
        while self._indent == indent:
            content = self._lines[self._at][1]
            entry = _ENTRY.match(content)
            if entry is None:
                break
            start = entry.end()
            if _KEY.match(content, start):
                inside = indent + start
                self._lines[self._at] = (inside, content[start:])
                found.append(self._mapping(inside))
            else:
                found.append(self._inline(content, start, indent))
        self._shallower(indent)
        return found

    def _inline(self, content: str, start: int, indent: int) -> Any:
        """A scalar or brackets, and that nothing else stands there."""
        while content[start] == " ":
            start += 1
        if content[start] in "[{":
            value, content, end = self._bracketed(content, start, indent)
        elif content[start] in "'\"":
            value, end = _string(content, start)
        else:
            value, end = _words(content, start)
        if not _COMMENT.fullmatch(content, end):
            _leave()
        self._at += 1
        if self._indent > indent:
            _leave()  # a scalar that goes on in the next line, or one too many
        return value

    def _bracketed(self, content: str, start: int, indent: int) -> tuple[Any, str, int]:
        """What stands in brackets, which may take several lines; the line of their end, and
        where they end in it."""
        self._deeper()
        opened = content[start]
        mapping: dict[str, Any] = {}
        entries: list[Any] = []
        content, at = self._next(content, start + 1, indent)
        while content[at] not in "]}":
            name = ""
            if opened == "{":
                key = _KEY.match(content, at) or _leave()
                name = _name(key[1])
                content, at = self._next(content, key.end(), indent)
            if content[at] in "[{":
                value, content, at = self._bracketed(content, at, indent)
            elif content[at] in "'\"":
                value, at = _string(content, at)
            else:
                value, at = _words(content, at)
            if opened == "[":
                entries.append(value)
            elif name in mapping:
                _leave()
            else:
                mapping[name] = value
            content, at = self._next(content, at, indent)
            if content[at] == ",":
                content, at = self._next(content, at + 1, indent)
            elif content[at] not in "]}":
                _leave()
        if content[at] != ("]" if opened == "[" else "}"):
            _leave()
        self._depth -= 1
        return (entries if opened == "[" else mapping), content, at + 1

    def _next(self, content: str, at: int, indent: int) -> tuple[str, int]:
        """Where in brackets the next thing stands, in this line or a later one."""
        while _COMMENT.fullmatch(content, at):
            self._at += 1
            below, content = self._lines[self._at]
            if below <= indent:
                _leave()
            at = 0
        while content[at] == " ":
            at += 1
        return content, at

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            _leave()

    def _shallower(self, indent: int) -> None:
        """At the end of a block at ``indent``: what follows it belongs to one around it."""
        self._depth -= 1
        if self._indent > indent:
            _leave()


def _name(key: str) -> str:
    if key[0] in "'\"":
        return key[1:-1]
    if key[0].isdigit() and not _IN_NO_NUMBER.search(key):
        _leave()
    return _leave() if key.lower() in _OTHER_SPELLINGS else key


def _string(content: str, start: int) -> tuple[str, int]:
    quoted = _STRING.match(content, start) or _leave()
    if content[quoted.end() : quoted.end() + 1] not in ("", " ", ",", "]", "}"):
        _leave()
    return quoted[0][1:-1], quoted.end()


def _words(content: str, start: int) -> tuple[Any, int]:
    found = _WORDS.match(content, start) or _leave()
    said = found[0].rstrip()
    return _scalar(said), start + len(said)


def _scalar(word: str) -> Any:
    if word in _MEANT:
        return _MEANT[word]
    if _TEXT.match(word):
        return _leave() if word.lower() in _OTHER_SPELLINGS else word
    if _WHOLE.fullmatch(word):
        return int(word)
    if _NUMBER.fullmatch(word):
        return float(word)
    if _DAY.fullmatch(word):
        return date.fromisoformat(word)
    return word if _MARK.fullmatch(word) else _leave()


def _leave() -> NoReturn:
    raise _NotPlainError
