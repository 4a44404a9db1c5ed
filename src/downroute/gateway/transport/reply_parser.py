"""PURE: the bytes of an upstream's connection → one reply: head, body in pieces, end."""

from __future__ import annotations

from typing import Any

import httptools

from downroute.gateway.transport.plain_head import plain_head
from downroute.gateway.transport.request_parser import header_name

_LONGEST_HEAD = 128 * 1024
_RESET_CONTENT = 205
"""Has no content (RFC 9110, 15.3.6), but is framed like what has some (RFC 9112, 6.3)."""


class ReplyParser:
    """Reads one reply; a connection that is used again gets a new one. ``head_only``: the request
    was one whose reply has no body (HEAD)."""

    def __init__(self, *, head_only: bool = False) -> None:
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self.head = False
        """The head is here."""
        self.whole = False
        """The reply is here to its end."""
        self.reusable = False
        """Once ``whole``: another request may be sent on this connection."""
        self.pieces: list[bytes] = []
        """What came of the body and was not taken yet."""
        self._http: Any = None
        """Reads what is no plain head and a body of a stated length."""
        self._left = -1
        """So many bytes of a plain reply's body are to come; -1 = it is none."""
        self._persists = False
        self._head_only = head_only
        self._head_bytes = 0
        self._framed = False
        self._interim = False

    def feed(self, data: bytes) -> None:
        """Take what came.

        Raises:
            ValueError: it is no HTTP reply.
        """
        if self.whole:
            # An answer nobody asked for: what follows on this connection cannot be trusted.
            self.reusable = False
            return
        if self._left >= 0:
            self._take(data)
            return
        if not self.head:
            self._head_bytes += len(data)
        if self._http is None:
            if self.head or self._plainly(data):
                return  # after `close`, or all there is to do
            self._http = httptools.HttpResponseParser(self)
        try:
            self._http.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as fault:
            self.reusable = False
            if not self.whole:
                raise ValueError(str(fault)) from None
        self._let_go()
        if not self.head and self._head_bytes > _LONGEST_HEAD:
            raise ValueError("the head of the reply does not end")

    def _plainly(self, data: bytes) -> bool:
        """Take the first bytes of a reply, if they are what nearly all replies begin with."""
        found = None if self._head_only else plain_head(data)
        if found is None:
            return False
        self.status, self.headers = found.status, found.headers
        self.head = self._framed = True
        self._persists = found.persists
        self._left = found.length
        self._take(data[found.body :])
        return True

    def _take(self, piece: bytes) -> None:
        """Bytes of a plain reply's body."""
        left = self._left = self._left - len(piece)
        if left < 0:
            piece = piece[:left]
            self._left = 0
        if piece:
            self.pieces.append(piece)
        if left <= 0:
            self.whole = True
            self.reusable = left == 0 and self._persists

    def end(self) -> bool:
        """The connection has ended; whether that is the end of the reply too."""
        if self.head and not self.whole and not self._framed:
            self.whole = True
        self.reusable = False
        self._http = None
        return self.whole

    def close(self) -> None:
        """Nothing more is wanted."""
        self.reusable = False
        self._http = None

    def _let_go(self) -> None:
        """The parser and its callbacks hold each other: left alone, they would stay until somebody
        looks for cycles."""
        if self.whole:
            self._http = None

    # The names of the callbacks are httptools'.

    def on_message_begin(self) -> None:
        if self.whole:
            raise ValueError("more than was asked for")
        self.headers = []
        self._framed = self._interim = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.head:
            return  # a trailer
        lower = header_name(name)
        if lower in ("content-length", "transfer-encoding"):
            self._framed = True
        self.headers.append((lower, value.decode("utf-8", "surrogateescape")))

    def on_headers_complete(self) -> None:
        status = self._http.get_status_code()
        if 100 <= status < 200:
            self._interim = True  # 100 Continue, 103 Early Hints: the reply itself is to come
            return
        if status < 100:
            raise ValueError("no status")
        self.status = status
        self.head = True
        if self._head_only or (status == _RESET_CONTENT and not self._framed):
            self.whole = True

    def on_body(self, piece: bytes) -> None:
        if not self.whole and self.status != _RESET_CONTENT:
            self.pieces.append(piece)

    def on_message_complete(self) -> None:
        if self._interim:
            return
        self.reusable = not self._head_only and self._http.should_keep_alive()
        self.whole = True
