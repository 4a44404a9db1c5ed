"""PURE: a reply that came compressed although that was not asked for."""

from __future__ import annotations

import zlib

from downroute.gateway.message import Headers

_LARGEST_BYTES = 256 * 2**20
"""A small reply may unpack to a very large one; beyond this it is given up."""


class Unpacking:
    """gzip or deflate, piece by piece."""

    def __init__(self, window_bits: int) -> None:
        self._unpacker = zlib.decompressobj(window_bits)
        self._bytes = 0

    def feed(self, data: bytes, *, end: bool) -> bytes:
        """What ``data`` unpacks to; ``end`` = nothing follows.

        Raises:
            ValueError: it is damaged, or too large.
        """
        try:
            unpacked = self._unpacker.decompress(data, _LARGEST_BYTES - self._bytes)
            if end:
                unpacked += self._unpacker.flush()
        except zlib.error as fault:
            raise ValueError(str(fault)) from None
        self._bytes += len(unpacked)
        if self._bytes >= _LARGEST_BYTES or (end and self._bytes and not self._unpacker.eof):
            raise ValueError("too large, or cut off")
        return unpacked


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
