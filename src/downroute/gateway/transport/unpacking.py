"""PURE: a reply that came compressed although that was not asked for."""

from __future__ import annotations

import zlib

from downroute.gateway.message import Headers

_LARGEST_BYTES = 256 * 2**20
"""A small reply may unpack to a very large one; beyond this it is given up."""
_MOST_MEMBERS = 1000


class Unpacking:
    """gzip or deflate, piece by piece."""

    def __init__(self, window_bits: int) -> None:
        self._window_bits = window_bits
        self._unpacker = zlib.decompressobj(window_bits)
        self._bytes = 0
        self._members = 1

    def feed(self, data: bytes, *, end: bool) -> bytes:
        """What ``data`` unpacks to; ``end`` = nothing follows.

        Raises:
            ValueError: it is damaged, or too large.
        """
        try:
            unpacked = self._taken(data)
            while rest := self._next_member():
                unpacked += self._taken(rest)
            if end:
                unpacked += self._unpacker.flush()
        except zlib.error as fault:
            raise ValueError(str(fault)) from None
        if end and self._bytes and not self._unpacker.eof:
            raise ValueError("cut off")
        return unpacked

    def _taken(self, data: bytes) -> bytes:
        unpacked = self._unpacker.decompress(data, _LARGEST_BYTES - self._bytes)
        self._bytes += len(unpacked)
        if self._bytes >= _LARGEST_BYTES:
            raise ValueError("too large")
        return unpacked

    def _next_member(self) -> bytes:
        """What follows the end of a part: gzip may come in several (RFC 1952, 2.2), and zeros may
        stand after the last."""
        rest = self._unpacker.unused_data
        if self._window_bits <= zlib.MAX_WBITS or not rest.strip(b"\0"):
            return b""
        self._members += 1
        if self._members > _MOST_MEMBERS:
            raise ValueError("in too many parts")
        self._unpacker = zlib.decompressobj(self._window_bits)
        return rest


class Unreadable(Unpacking):
    """A coding we do not take apart: what came cannot be read, and could not be passed on."""

    def __init__(self) -> None:
        super().__init__(zlib.MAX_WBITS)

    def feed(self, data: bytes, *, end: bool) -> bytes:  # noqa: ARG002
        raise ValueError("unknown content coding")


def unpacking(headers: Headers) -> Unpacking | None:
    """How a body with these headers is unpacked; ``None`` = it is not packed."""
    for name, value in headers:
        if name == "content-encoding":
            coding = value.strip().lower()
            if coding in ("gzip", "x-gzip"):
                return Unpacking(16 + zlib.MAX_WBITS)
            if coding == "deflate":
                return Unpacking(zlib.MAX_WBITS)
            if coding not in ("", "identity"):
                return Unreadable()
    return None
