"""PURE: the bytes of a connection → the requests in them, by HTTP/1.1's strict rules.

llhttp reads the syntax and refuses what two servers might read differently (conflicting or
malformed lengths, bare line feeds, folded headers: RFC 9112, sections 2.2, 5.2, 6.3). What it
leaves to a server is refused here: missing hosts, codings we do not take apart, sizes.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import httptools

from downroute.gateway.error_reply import Refusal
from downroute.gateway.kept_headers import KeptHeaders
from downroute.gateway.message import Request, path_and_query
from downroute.gateway.transport.incoming import Incoming
from downroute.gateway.transport.limits import Limits
from downroute.gateway.transport.same_head import SameHead

_NO_HTTP = "this is no HTTP request that can be read"
_FRAMING_PER_BYTE = 8
_UNLIKE_ENOUGH = 4
"""After so many heads that were all different, none is compared with the next any more."""
_FRAMING_AT_LEAST = 2**20
"""What chunk sizes, extensions and trailers may take beside the body they frame."""


class RequestParser:
    """Feed it what a client sent; it gives the requests that are whole."""

    def __init__(self, limits: Limits) -> None:
        self.over = False
        """Nothing more is read from this connection."""
        self.begun = False
        """A request has begun that is not whole yet."""
        self.in_body = False
        self.wants_continue = False
        """The client waits for ``100 Continue`` before it sends the body. Whoever sends it sets
        this back."""
        self._limits = limits
        self._http: Any = httptools.HttpRequestParser(self)
        self._ready: list[Incoming] = []
        self._refusal: Refusal | None = None
        self._raw = 0
        self._same: SameHead | None = None
        self._head_given = False
        self._unlike = 0
        """How many heads in a row were not the one before."""
        self._start()

    def feed(self, data: bytes) -> list[Incoming]:
        """The requests that ``data`` completes, in order; a refusal is the last."""
        if self.over:
            return []
        if self._same is not None and not self.begun:
            incoming = self._same.read(data, self._limits.body_bytes)
            if incoming is not None:
                self._unlike = 0
                return [incoming]
        fresh = not self.begun and self._unlike < _UNLIKE_ENOUGH
        ready = self._ready
        try:
            try:
                self._http.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                self._without_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self.over = True
            if self._refusal is not None or not (ready and not ready[-1].persists):
                ready.append(Incoming(None, self._refusal or Refusal(400, _NO_HTTP)))
        if not self.over and not ready:
            self._count(len(data))
        elif fresh and len(ready) == 1 and not self.begun:
            self._unlike += 1
            self._same = SameHead.of(data, ready[0])
        self._ready = []
        return ready

    def head(self) -> Request | None:
        """The request whose body is still to come, without it: once, and then ``None``."""
        if not self.in_body or self._head_given:
            return None
        self._head_given = True
        method = self._http.get_method().decode("ascii")
        target = self._target.decode("ascii", "surrogateescape")
        return Request(method, _path(target), KeptHeaders(self._headers), b"", target)

    def close(self) -> None:
        """Nothing more comes. The parser and its callbacks hold each other: left alone, they and
        the last request would stay until somebody looks for cycles."""
        self.over = True
        self._http = None
        self._same = None
        self._start()

    def _without_upgrade(self, rest: bytes) -> None:
        """Read the request as if it had not offered another protocol: we speak none, so the offer
        is passed over and the body is a body (RFC 9110, 7.8)."""
        self._ready.pop()
        lines = [f"{self._http.get_method().decode()} {self._target.decode()} HTTP/1.1\r\n"]
        lines += [f"{name}: {value}\r\n" for name, value in self._headers if name != "upgrade"]
        self._http = httptools.HttpRequestParser(self)
        self._http.feed_data("".join(lines).encode("utf-8", "surrogateescape") + b"\r\n" + rest)

    def _start(self) -> None:
        self._target = b""
        self._headers: list[tuple[str, str]] = []
        self._pieces: list[bytes] = []
        self._head_given = False
        self._head_bytes = 0
        self._body_bytes = 0
        self._raw = 0

    def _count(self, size: int) -> None:
        """Bound what llhttp holds of an element that does not end."""
        self._raw += size
        most = self._limits.head_bytes
        if self.in_body:
            most = max(_FRAMING_AT_LEAST, _FRAMING_PER_BYTE * self._body_bytes)
        if self._raw - self._body_bytes > most:
            self.over = True
            refusal = _too_long("headers") if not self.in_body else Refusal(400, _NO_HTTP)
            self._ready.append(Incoming(None, refusal))

    # The names of the callbacks are httptools'.

    def on_message_begin(self) -> None:
        self._start()
        self.begun = True

    def on_url(self, target: bytes) -> None:
        self._target += target
        if len(self._target) > self._limits.header_bytes:
            self._refuse(Refusal(414, "the request's address is too long"))

    def on_header(self, name: bytes, value: bytes) -> None:
        size = len(name) + len(value)
        self._head_bytes += size
        if size > self._limits.header_bytes or self._head_bytes > self._limits.head_bytes:
            self._refuse(_too_long("headers"))
        if self.in_body:
            return  # a trailer; none is known to mean anything here
        if len(self._headers) >= self._limits.headers:
            self._refuse(_too_long("headers"))
        self._headers.append((header_name(name), value.decode("utf-8", "surrogateescape")))

    def on_headers_complete(self) -> None:
        self.in_body = True
        self._raw = 0
        version = self._http.get_http_version()
        if self._http.get_method() == b"CONNECT":
            self._refuse(Refusal(405, "no tunnels are made here"))
        hosts = 0
        length, codings, expects = None, [], None
        for name, value in self._headers:
            if name == "host":
                hosts += 1
            elif name == "content-length":
                length = value
            elif name == "transfer-encoding":
                codings.append(value.strip().lower())
            elif name == "expect":
                expects = value
        if version == "1.1":
            if hosts != 1:
                self._refuse(Refusal(400, "a request names one host"))
        elif version != "1.0":
            self._refuse(Refusal(400, "only HTTP/1.1 and HTTP/1.0 are spoken here"))
        elif codings:
            self._refuse(Refusal(400, "HTTP/1.0 knows no transfer coding"))
        if codings and codings != ["chunked"]:
            self._refuse(Refusal(400, "no transfer coding but `chunked` is taken"))
        if length is not None and int(length) > self._limits.body_bytes:
            self._refuse(self._too_large())
        if expects is not None and version == "1.1":
            if expects.strip().lower() != "100-continue":
                self._refuse(Refusal(417, "no expectation but `100-continue` can be met"))
            self.wants_continue = True

    def on_body(self, piece: bytes) -> None:
        self._body_bytes += len(piece)
        if self._body_bytes > self._limits.body_bytes:
            self._refuse(self._too_large())
        self._pieces.append(piece)

    def on_message_complete(self) -> None:
        self.begun = self.in_body = self.wants_continue = False
        method = self._http.get_method().decode("ascii")
        pieces = self._pieces
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        target = self._target.decode("ascii", "surrogateescape")
        self._pieces = []
        headers = KeptHeaders([pair for pair in self._headers if pair[0] != "content-length"])
        self._ready.append(
            Incoming(
                Request(method, _path(target), headers, body, target),
                persists=self._http.should_keep_alive(),
                chunks=self._http.get_http_version() == "1.1",
                head_only=method == "HEAD",
            )
        )
        self._raw = 0

    def _refuse(self, refusal: Refusal) -> None:
        self._refusal = refusal
        raise ValueError

    def _too_large(self) -> Refusal:
        limit = self._limits.body_bytes // 2**20
        message = f"the body of the request is larger than {limit} MiB"
        return Refusal(413, message, code="request_too_large")


def _too_long(what: str) -> Refusal:
    return Refusal(431, f"the {what} of the request are too long")


def _path(target: str) -> str:
    """The path of a request target, decoded, without its query."""
    path, _ = path_and_query(target)
    return unquote(path) if "%" in path else path


_NAMES: dict[bytes, str] = {}
_MOST_NAMES = 1000


def header_name(name: bytes) -> str:
    """``name`` in lower case, remembered: the same few come with every message."""
    known = _NAMES.get(name)
    if known is None:
        known = name.decode("ascii").lower()
        if len(_NAMES) < _MOST_NAMES:
            _NAMES[name] = known
    return known
