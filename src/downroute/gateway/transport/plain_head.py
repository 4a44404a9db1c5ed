"""PURE: the head of a reply as nearly every server writes it, read line by line.

A parser that calls back for each header costs more than everything else about a reply's bytes. This
reader knows one form of head alone and gives up on any doubt; what it reads, llhttp reads the same
way, which a test holds over thousands of mutations.
"""

from __future__ import annotations

import re
from typing import Final

from downroute.gateway.message import BODILESS
from downroute.gateway.transport.request_parser import header_name

_BEGIN: Final = b"HTTP/1.1 "
_LINE_END: Final = b"\r\n"
_END: Final = b"\r\n\r\n"
_CONTROLS: Final = bytes([*range(9), *range(10, 32), 127])
_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_SPACES: Final = (b" ", b"\t")
_UNPLAIN: Final = frozenset({"proxy-connection", "transfer-encoding", "upgrade"})
"""Headers by which a reply's body or the connection may end otherwise."""
_LONGEST_LENGTH: Final = 12

_lines: dict[bytes, tuple[str, str]] = {}
"""Most lines of a server's replies are the same ones again."""
_MOST_LINES: Final = 1000
_LONGEST_LINE: Final = 200
_statuses: dict[bytes, int] = {}
_MOST_STATUSES: Final = 100


class PlainHead:
    """``length`` is the body's, in bytes, and ``body`` where it begins in what was read."""

    __slots__ = ("body", "headers", "length", "persists", "status")

    def __init__(
        self,
        status: int,
        headers: list[tuple[str, str]],
        length: int,
        body: int,
        persists: bool,
    ) -> None:
        self.status = status
        self.headers = headers
        self.length = length
        self.body = body
        self.persists = persists


def plain_head(data: bytes) -> PlainHead | None:
    """The head that ``data`` begins with, if it is here to its end and of a reply whose body has a
    stated length; ``None`` = it has to be read by the rules."""
    end = data.find(_END)
    if end < 0 or not data.startswith(_BEGIN):
        return None
    lines = data[:end].split(_LINE_END)
    status = _statuses.get(lines[0])
    if status is None:
        status = _status(lines[0])
        if status is None:
            return None
    length = -1
    persists = True
    headers: list[tuple[str, str]] = []
    for line in lines[1:]:
        pair = _lines.get(line)
        if pair is None:
            pair = _read(line)
            if pair is None:
                return None
        name = pair[0]
        if name == "content-length":
            if length >= 0 or not _is_length(pair[1]):
                return None
            length = int(pair[1])
        elif name == "connection":
            told = pair[1].lower()
            if not persists or (told != "keep-alive" and told != "close"):
                return None
            persists = told == "keep-alive"
        elif name in _UNPLAIN:
            return None
        headers.append(pair)
    if length < 0:
        return None
    return PlainHead(status, headers, length, end + len(_END), persists)


def _status(line: bytes) -> int | None:
    """What a status line says; ``None`` where it is none, or of a reply that has no body."""
    digits = line[9:12]
    if not digits.isdigit() or line[12:13] != b" " or _has_controls(line):
        return None
    status = int(digits)
    if not 200 <= status <= 599 or status in BODILESS:
        return None
    if len(_statuses) < _MOST_STATUSES:
        _statuses[line] = status
    return status


def _is_length(value: str) -> bool:
    return value.isascii() and value.isdigit() and len(value) <= _LONGEST_LENGTH


def _read(line: bytes) -> tuple[str, str] | None:
    """A header's name in lower case and its value; ``None`` where the line is not plainly one."""
    name, colon, value = line.partition(b":")
    if not colon or value.endswith(_SPACES) or _has_controls(line):
        return None
    if _TOKEN.fullmatch(name) is None:
        return None
    pair = (header_name(name), value.lstrip(b" \t").decode("utf-8", "surrogateescape"))
    if len(line) <= _LONGEST_LINE:
        if len(_lines) >= _MOST_LINES:
            _lines.clear()
        _lines[line] = pair
    return pair


def _has_controls(line: bytes) -> bool:
    return len(line.translate(None, _CONTROLS)) != len(line)
