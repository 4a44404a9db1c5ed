"""PURE: a request whose head is the one that came before on its connection.

A client's library sends the same head with every request but for the length of the body. Where all
other bytes are the same, reading them again would find the same.
"""

from __future__ import annotations

import re

from downroute.gateway.message import Request
from downroute.gateway.transport.incoming import Incoming

_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: ?([0-9]{1,9})(?=\r\n)", re.IGNORECASE)
_LONGEST_LENGTH = 9
_READ_WHOLE = frozenset({"expect", "upgrade", "transfer-encoding"})
"""Heads with these have more to them than a head."""


class SameHead:
    """``before`` and ``after`` are the bytes around the digits of the body's length."""

    def __init__(self, before: bytes, after: bytes, first: Incoming, request: Request) -> None:
        self._before = before
        self._after = after
        self._first = first
        self._request = request

    @classmethod
    def of(cls, data: bytes, read: Incoming) -> SameHead | None:
        """The head of ``data``, which was ``read`` as one whole request; ``None`` where others may
        not be taken to be like it."""
        request = read.request
        if request is None or not read.persists:
            return None
        end = data.find(_END)
        found = list(_LENGTH.finditer(data, 0, end + 2))
        if len(found) != 1 or len(data) != end + len(_END) + int(found[0][1]):
            return None
        if any(name in _READ_WHOLE for name, _ in request.headers):
            return None
        start, stop = found[0].span(1)
        return cls(data[:start], data[stop : end + len(_END)], read, request)

    def read(self, data: bytes, most: int) -> Incoming | None:
        """The request that ``data`` is, where it is exactly one with this head and a body of at
        most so many bytes; ``None`` = it has to be read."""
        if not data.startswith(self._before):
            return None
        start = len(self._before)
        stop = data.find(b"\r", start, start + _LONGEST_LENGTH + 1)
        digits = data[start:stop]
        if stop < 0 or not digits.isdigit() or not data.startswith(self._after, stop):
            return None
        body = stop + len(self._after)
        length = int(digits)
        if len(data) - body != length or length > most:
            return None
        first, request = self._first, self._request
        return Incoming(
            Request(request.method, request.path, request.headers, data[body:], request.target),
            persists=True,
            chunks=first.chunks,
            head_only=first.head_only,
        )
