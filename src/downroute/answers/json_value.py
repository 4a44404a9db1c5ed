"""PURE: the JSON in an answer: as a program would read it, or as a person would find it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final, NoReturn

import msgspec

from downroute.answers.tolerant_json import parse_tolerantly
from downroute.records import Json

MAX_CANDIDATES = 64
"""How many places of one answer are tried for JSON to begin."""


class FoundJson(msgspec.Struct, frozen=True):
    """A JSON value, how it stood in the text, and whether it had to be ``repaired`` to be read.
    ``alone`` = nothing but the value (or its code fence) is there."""

    value: Json
    repaired: bool = False
    fenced: bool = False
    alone: bool = True


def read_json(text: str | None, *, fenced: bool = False) -> FoundJson | None:
    """The text as one JSON value and nothing else, as RFC 8259 has it (no ``NaN``).

    ``fenced``: a single Markdown code fence around it is allowed. ``None`` = it is no such text.
    """
    if text is None:
        return None
    whole = _strictly(text)
    if whole is None and fenced:
        inner = _strictly(_inside_fence(text.strip()))
        return FoundJson(inner[0], fenced=True) if inner is not None else None
    return FoundJson(whole[0]) if whole is not None else None


def find_json(text: str | None, *, repair: bool = True) -> FoundJson | None:
    """The JSON that a text carries: the whole of it, else what its code fence holds, else the last
    object (else the last array) inside the prose. ``repair`` allows JSON as models really write
    it (see `tolerant_json`); the result says so."""
    if text is None:
        return None
    whole = read_json(text, fenced=True)
    if whole is not None:
        return whole
    if "{" not in text and "[" not in text:
        return None
    usable = [found for found in _outermost(text) if repair or not found.repaired]
    for wanted in (_fenced_object, _object, _fenced):
        picked = [found for found in usable if wanted(found)]
        if picked:
            return picked[-1]
    return usable[-1] if usable else None


# `{` followed by a key, or `[` followed by a value: prose and LaTeX are full of other brackets.
_START = re.compile(
    r"""\{(?=\s{0,200}(?: ["'}] | [^\W\d]\w{0,100}"?\s*: ))
      | \[(?=\s{0,200}(?: [\["'{\]] | -?\d | true | false | null ))""",
    re.VERBOSE,
)
_INFO = re.compile(r"[ \t]*(?:[\w-]*[ \t]*\n|json\w?\b)", re.IGNORECASE)
_FENCE_BEFORE = re.compile(
    r"(?P<mark>```|~~~)[ \t]*(?:[\w-]*[ \t]*\n\s*|(?:json\w?\b)?[ \t]*)$", re.IGNORECASE
)
_WINDOW = 40


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_decode: Final = msgspec.json.decode
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
# Every answer of a few words passes here, so what can be no JSON is seen by its first character.
_FIRST: Final = frozenset('{["-0123456789tfn')


def _strictly(text: str) -> tuple[Any] | None:
    stripped = text.strip(" \t\r\n")
    if stripped[:1] not in _FIRST:
        return None
    try:
        return (_decode(stripped),)
    except (ValueError, RecursionError):
        pass
    # The standard library also takes half a surrogate pair and numbers without bounds.
    try:
        return (_DECODER.decode(stripped),)
    except (ValueError, RecursionError):
        return None


def _inside_fence(text: str) -> str:
    """What a text that is one code fence holds; empty where it is none."""
    mark = text[:3]
    if mark not in ("```", "~~~") or not text.endswith(mark) or len(text) < 6:
        return ""
    body = text.strip(mark[0])
    info = _INFO.match(body)
    return body[info.end() :] if info is not None else body


def _outermost(text: str) -> Iterator[FoundJson]:
    """Every outermost object or array in the text, in order."""
    at = 0
    for _ in range(MAX_CANDIDATES):
        match = _START.search(text, at)
        if match is None:
            return
        begin, at = match.span()
        read = _leniently(text, begin)
        if read is None:
            continue
        value, at, repaired = read
        fence = _opening_fence(text, begin)
        before = text[: begin if fence is None else fence.start()]
        yield FoundJson(
            value,
            repaired=repaired,
            fenced=fence is not None,
            alone=not (before.strip("`~ \t\r\n") or text[at:].strip("`~ \t\r\n")),
        )


def _opening_fence(text: str, begin: int) -> re.Match[str] | None:
    """The code fence that opens right before ``begin``; a fence that closes there is none."""
    fence = _FENCE_BEFORE.search(text, max(0, begin - _WINDOW), begin)
    opens = fence is not None and text.count(fence["mark"], 0, fence.start()) % 2 == 0
    return fence if opens else None


def _leniently(text: str, begin: int) -> tuple[Json, int, bool] | None:
    try:
        return (*_DECODER.raw_decode(text, begin), False)
    except (ValueError, RecursionError):
        mended = parse_tolerantly(text, begin)
    return None if mended is None else (*mended, True)


def _fenced_object(found: FoundJson) -> bool:
    return found.fenced and isinstance(found.value, dict)


def _object(found: FoundJson) -> bool:
    return isinstance(found.value, dict) and bool(found.value)


def _fenced(found: FoundJson) -> bool:
    return found.fenced
