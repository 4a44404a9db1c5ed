"""The upstreams' side: a pool of HTTP/1.1 connections.

Proxy settings of the environment are ignored: what is reached must be what the configuration says.
Replies are asked for uncompressed, because they are read on their way; what comes compressed all
the same is unpacked.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
from collections import defaultdict, deque
from collections.abc import Callable
from functools import partial

from downroute.gateway.kept_headers import KeptHeaders
from downroute.gateway.message import Headers
from downroute.gateway.transport.address import Address, Origin, address
from downroute.gateway.transport.upstream_connection import UpstreamConnection
from downroute.gateway.transport.upstream_exchange import UpstreamExchange
from downroute.gateway.upstream import Fault, NoReplyError, Patience

IDLE_S = 50.0
"""How long a connection is kept for another request; below the minute that most servers give."""


class HttpClient:
    """An `UpstreamClient`; make it inside a running event loop. It bounds no number of
    connections: waiting for one would look like the upstream's time."""

    def __init__(self) -> None:
        self._idle: defaultdict[Origin, deque[tuple[float, UpstreamConnection]]] = defaultdict(
            deque
        )
        self._open: set[UpstreamConnection] = set()
        self._tls: ssl.SSLContext | None = None
        self._loop = asyncio.get_running_loop()
        self._closed = False

    @property
    def connections(self) -> int:
        """Open ones, those that are kept too."""
        return len(self._open)

    async def send(
        self,
        method: str,
        url: str,
        headers: Headers,
        body: bytes,
        patience: Patience,
    ) -> UpstreamExchange:
        try:
            to = address(url)
            message = b"%b%d\r\n\r\n%b" % (_head(method, url, to, headers), len(body), body)
        except ValueError:
            raise NoReplyError(Fault.UNSENDABLE, "the request cannot be sent as it is") from None
        # The loop tells time to the millisecond; what is given up is given up after its time.
        until = self._loop.time() + patience.total_s + 0.002
        head_only = method == "HEAD"
        connection = self._kept(to.origin)
        if connection is not None:
            try:
                return await connection.ask(message, until, patience, head_only=head_only)
            except NoReplyError:
                # An upstream may close a connection that is kept alive at any moment. Where it
                # did so before the first byte of a reply, the request is sent once more on a
                # connection of its own (RFC 9112, 9.3.1).
                if not connection.dropped_silently:
                    raise
        connection = await self._connected(to.origin, until, patience.connect_s)
        return await connection.ask(message, until, patience, head_only=head_only)

    async def close(self) -> None:
        self._closed = True
        for connection in list(self._open):
            connection.abort()
        self._idle.clear()
        await asyncio.sleep(0)

    def _kept(self, origin: Origin) -> UpstreamConnection | None:
        """The connection used last, if one is good; those kept too long are ended."""
        idle = self._idle.get(origin)
        oldest = self._loop.time() - IDLE_S
        while idle:
            since, connection = idle.pop()
            if connection.usable and since > oldest:
                return connection
            connection.abort()
        return None

    def _give_back(self, origin: Origin, connection: UpstreamConnection) -> None:
        if self._closed:
            connection.abort()
            return
        idle = self._idle[origin]
        now = self._loop.time()
        idle.append((now, connection))
        while idle[0][0] <= now - IDLE_S:
            idle.popleft()[1].abort()

    async def _connected(
        self, origin: Origin, until: float, connect_s: float
    ) -> UpstreamConnection:
        left_s = max(until - self._loop.time(), 0.001)
        made: list[UpstreamConnection] = []

        # No function within: compiled, a coroutine and what is defined in it hold each other.
        make = partial(_made, made, partial(self._give_back, origin), self._open)
        try:
            async with asyncio.timeout(min(connect_s, left_s)):
                _, connection = await self._loop.create_connection(
                    make,
                    origin.host,
                    origin.port,
                    ssl=self._tls_context() if origin.tls else None,
                    server_hostname=origin.host if origin.tls else None,
                )
        except BaseException as fault:
            for connection in made:
                connection.forget()
            if isinstance(fault, (OSError, TimeoutError, UnicodeError)):
                raise _no_connection(fault) from None
            raise
        return connection

    def _tls_context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
            self._tls.set_alpn_protocols(["http/1.1"])
        return self._tls


def _made(
    made: list[UpstreamConnection],
    give_back: Callable[[UpstreamConnection], None],
    those_open: set[UpstreamConnection],
) -> UpstreamConnection:
    made.append(UpstreamConnection(give_back, those_open))
    return made[-1]


def _head(method: str, url: str, to: Address, headers: Headers) -> bytes:
    """A request's head up to its body's length, written once for headers that are kept.

    Raises:
        ValueError: a header would begin another line.
    """
    if not isinstance(headers, KeptHeaders):
        return _written(method, to, headers)
    head: bytes | None = headers.made.get((method, url))
    if head is None:
        head = headers.made[method, url] = _written(method, to, headers)
    return head


def _written(method: str, to: Address, headers: Headers) -> bytes:
    lines = [
        f"{name}: {value}\r\n"
        for name, value in headers
        if name != "host" and name != "accept-encoding"
    ]
    text = "".join(lines)
    if text.count("\n") != len(lines) or text.count("\r") != len(lines) or "\0" in text:
        raise ValueError("a header would begin another line")
    head = (
        f"{method} {to.target} HTTP/1.1\r\nhost: {to.host}\r\n{text}"
        "accept-encoding: identity\r\ncontent-length: "
    )
    return head.encode("utf-8", "surrogateescape")


def _no_connection(fault: Exception) -> NoReplyError:
    match fault:
        case TimeoutError():
            said = "no connection to its upstream in time"
        case socket.gaierror() | UnicodeError():
            said = "its upstream's name does not resolve"
        case ssl.SSLCertVerificationError():
            said = "its upstream's certificate is not trusted"
        case ssl.SSLError():
            said = "its upstream speaks no TLS that we know"
        case OSError(errno=errno.EMFILE | errno.ENFILE):
            said = "the gateway may open no more files or connections (ulimit -n)"
            return NoReplyError(Fault.BUSY, said)
        case _:
            number = getattr(fault, "errno", None) or errno.EHOSTUNREACH
            said = f"its upstream cannot be reached ({os.strerror(number).lower()})"
    return NoReplyError(Fault.UNREACHABLE, said)
