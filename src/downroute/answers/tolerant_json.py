"""PURE: JSON as models really write it → the value they meant.

Read as meant:

- raw line breaks and other control characters inside strings;
- backslashes that JSON does not know (LaTeX: ``\\(``, ``\\pi``), which stay as they stand;
- quotation marks inside strings that were not escaped (``64" tall``);
- single-quoted strings, bare keys and words, ``True``, ``False``, ``None``;
- missing commas between members, commas too many;
- missing closing brackets at the end of the text.

A string that the text breaks off in is dropped with its key: a cut-off value is missing, not short.
"""

from __future__ import annotations

import re
from typing import Final

from downroute.records import Json

MAX_DEPTH = 64


def parse_tolerantly(text: str, start: int = 0) -> tuple[Json, int] | None:
    """The object or array that begins at ``start`` and where it ends; ``None`` where it cannot be
    made out."""
    parser = _Parser(text, start)
    try:
        return parser.value(depth=0, in_object=False), parser.at
    except (_NoJsonError, ValueError):
        return None


class _NoJsonError(Exception):
    pass


_CUT_OFF: Final = object()
_SPACE = re.compile(r"\s*")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?=\s*(?:[,}\]\n]|$))")
_WORDS = re.compile(r"[^\s,\[\]{}\"'`:][^,\[\]{}\"\n]*")
_CONSTANTS = {
    "true": True,
    "false": False,
    "null": None,
    "True": True,
    "False": False,
    "None": None,
}
_KEY = re.compile(
    r""" "(?P<double>(?:[^"\\\n]|\\.){0,200})"\s*: | '(?P<single>[^'\n]{0,200})'\s*:
       | (?P<bare>[^\W\d]\w{0,200})\s*: """,
    re.VERBOSE,
)
_CUT_OFF_KEY = re.compile(r"""["'\w][^\n:]*$""")
_PLAIN = {quote: re.compile(rf"[^\\{quote}]*") for quote in "\"'"}
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_HEX4 = re.compile(r"[0-9a-fA-F]{4}")

# A quotation mark ends a string only where the text goes on as JSON would: with a bracket, with
# the next member, or not at all.
_ENDS_MEMBER = re.compile(
    r"""\s*(?: $ | [}\]] | ,\s*(?: $ | [}\]] | "[^"\n]{0,200}(?: $ | "\s*(?: : | $ ) )
                                | '[^'\n]{0,200}'\s*: | \w+\s*: )
             | (?<=\s)["'][^"'\n]{0,200}["']\s*: )""",
    re.VERBOSE,
)
_ENDS_ITEM = re.compile(
    r"""\s*(?: $ | [}\]] | ,\s*(?: $ | [}\]"'{\[] | -?\d | true | false | null )
             | (?<=\n)\s*["'] )""",
    re.VERBOSE | re.IGNORECASE,
)


class _Parser:
    """Recursive descent over ``text``; ``at`` is the next character to read."""

    def __init__(self, text: str, start: int):
        self.text = text
        self.at = start

    def value(self, *, depth: int, in_object: bool) -> Json:
        if depth > MAX_DEPTH:
            raise _NoJsonError
        char = self.peek()
        if char == "{":
            return self.object(depth)
        if char == "[":
            return self.array(depth)
        if char in ('"', "'") and char:
            return self.string(_ENDS_MEMBER if in_object else _ENDS_ITEM)
        return self.scalar()

    def object(self, depth: int) -> dict[str, Json]:
        self.at += 1
        found: dict[str, Json] = {}
        while not self.closed_by("}"):
            match = _KEY.match(self.text, self.at)
            if match is None and _CUT_OFF_KEY.match(self.text, self.at):
                self.at = len(self.text)
                continue
            if match is None:
                raise _NoJsonError
            self.at = match.end()
            if self.peek() == "":
                continue
            value = self.value(depth=depth + 1, in_object=True)
            if value is not _CUT_OFF:
                found[match["double"] or match["single"] or match["bare"] or ""] = value
        return found

    def array(self, depth: int) -> list[Json]:
        self.at += 1
        found: list[Json] = []
        while not self.closed_by("]"):
            value = self.value(depth=depth + 1, in_object=False)
            if value is not _CUT_OFF:
                found.append(value)
        return found

    def closed_by(self, bracket: str) -> bool:
        """Whether the object or array ends here, with its bracket or with the text."""
        while self.peek() == ",":
            self.at += 1
        char = self.peek()
        if char == bracket:
            self.at += 1
        elif char in ("}", "]") and char:
            raise _NoJsonError
        return char in (bracket, "")

    def string(self, ends: re.Pattern[str]) -> Json:
        quote = self.text[self.at]
        self.at += 1
        parts: list[str] = []
        while True:
            match = _PLAIN[quote].match(self.text, self.at)
            parts.append(match.group() if match else "")
            self.at += len(parts[-1])
            if self.at >= len(self.text):
                return _CUT_OFF
            char = self.text[self.at]
            self.at += 1
            if char == "\\":
                parts.append(self.escaped())
            elif ends.match(self.text, self.at):
                return "".join(parts)
            else:
                parts.append(char)

    def escaped(self) -> str:
        char = self.text[self.at : self.at + 1]
        if char == "u" and _HEX4.match(self.text, self.at + 1):
            return self.unicode_escape()
        if char == "'" or char in _ESCAPES:
            self.at += 1
            return _ESCAPES.get(char, char)
        return "\\"

    def unicode_escape(self) -> str:
        first = int(self.text[self.at + 1 : self.at + 5], 16)
        self.at += 5
        if 0xD800 <= first < 0xDC00 and self.text[self.at : self.at + 2] == "\\u":
            match = _HEX4.match(self.text, self.at + 2)
            second = int(match.group(), 16) if match else 0
            if 0xDC00 <= second < 0xE000:
                self.at += 6
                return chr(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00))
        return chr(first)

    def scalar(self) -> Json:
        number = _NUMBER.match(self.text, self.at)
        if number is not None:
            self.at = number.end()
            text = number.group()
            return float(text) if any(c in text for c in ".eE") else int(text)
        match = _WORDS.match(self.text, self.at)
        if match is None:
            raise _NoJsonError
        self.at = match.end()
        # What is no constant stays the text it is: `-3/8`, `53 feet`, `NaN`.
        words = match.group().strip()
        return _CONSTANTS.get(words, words)

    def peek(self) -> str:
        """The next character that is no white space; empty at the end of the text."""
        match = _SPACE.match(self.text, self.at)
        self.at = match.end() if match else self.at
        return self.text[self.at : self.at + 1]
