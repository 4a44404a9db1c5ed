"""The clients' side: listening, and every connection's end.

One `Connection` a client; what answers a request lives in the handler, so that it can be served by
another transport too.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing, suppress
from typing import Protocol

from downroute.errors import DownrouteError
from downroute.gateway.message import Reply, Request
from downroute.gateway.transport.connection import Connection
from downroute.gateway.transport.last_connections import let_nobody_connect
from downroute.gateway.transport.limits import Limits

_BACKLOG = 2048
_SWEEP_S = 1.0
LINGER_S = 2.0
"""How long a kept connection may still bring a request that was on its way when we stop."""

Handling = Callable[[Request], Awaitable[Reply]]
Refusing = Callable[[Request], Reply | None]


class _Listening(Protocol):
    """A server of an event loop; `asyncio.Server` promises more than other loops keep."""

    @property
    def sockets(self) -> Sequence[socket.socket]: ...

    def close(self) -> None: ...


class HttpServer:
    """Serves ``handle`` on one address. A client that goes away cancels the handling.
    ``turned_away`` is asked about a head whose body is still to come; what it replies is sent
    instead of reading on."""

    def __init__(
        self, handle: Handling, limits: Limits | None = None, turned_away: Refusing | None = None
    ) -> None:
        self.handle = handle
        self.turned_away = turned_away
        self.limits = limits or Limits()
        self.connections: set[Connection] = set()
        self.now = 0.0
        """The loop's time, to the second: cheaper for connections than asking each time."""
        self.stopping = False
        self._listening: _Listening | None = None
        self._alone = True
        """No other process serves the same socket."""
        self._sweeping: asyncio.TimerHandle | None = None
        self._quiet: asyncio.Event = asyncio.Event()

    @property
    def in_flight(self) -> int:
        """Requests that are being answered."""
        return sum(connection.busy for connection in self.connections)

    async def start(self, host: str, port: int) -> int:
        """Listen; the port, which is a free one where ``port`` is 0.

        Raises:
            DownrouteError: the address cannot be listened on.
        """
        loop = asyncio.get_running_loop()
        try:
            listening = await loop.create_server(
                lambda: Connection(self), host, port, backlog=_BACKLOG
            )
        except OSError as fault:
            raise DownrouteError(cannot_listen(host, port, fault)) from None
        return self._started(listening)

    async def start_on(self, listener: socket.socket) -> int:
        """Serve what comes in on a socket that listens already, and that others may serve, too; its
        port."""
        self._alone = False
        loop = asyncio.get_running_loop()
        return self._started(
            await loop.create_server(lambda: Connection(self), sock=listener, backlog=_BACKLOG)
        )

    async def stop(self, grace_s: float, linger_s: float = LINGER_S) -> None:
        """Take no more connections, answer what is under way for up to ``grace_s``, cut off the
        rest. A kept connection is ended with its next reply, or after ``linger_s`` without one."""
        self.stopping = True
        if self._listening is not None:
            listening, self._listening = self._listening, None
            await self._take_the_last(listening)
        until = self._time() + grace_s
        for connection in list(self.connections):
            connection.end_after(min(linger_s, grace_s))
        while self.connections and (left := until - self._time()) > 0:
            self._quiet.clear()
            try:
                await asyncio.wait_for(self._quiet.wait(), left)
            except TimeoutError:
                break
        await asyncio.gather(*(connection.cut() for connection in list(self.connections)))
        if self._sweeping is not None:
            self._sweeping.cancel()

    async def _take_the_last(self, listening: _Listening) -> None:
        """Stop listening, but take those whose connection the kernel has made already: when the
        socket is closed it resets them, and they may have sent a request."""
        loop = asyncio.get_running_loop()
        copies = [_copy(listener) for listener in listening.sockets]
        listening.close()
        taken: list[socket.socket] = []
        for listener in copies:
            if self._alone:
                let_nobody_connect(listener)
            with closing(listener), suppress(OSError):
                while True:
                    taken.append(listener.accept()[0])
        for connected in taken:
            connected.setblocking(False)
            await loop.connect_accepted_socket(lambda: Connection(self), connected)

    def gone(self, connection: Connection) -> None:
        """``connection`` has ended."""
        self.connections.discard(connection)
        if not self.connections:
            self._quiet.set()

    def _started(self, listening: _Listening) -> int:
        self._listening = listening
        self._sweep()
        return int(listening.sockets[0].getsockname()[1])

    def _sweep(self) -> None:
        """One timer for all connections: a timer for each request would cost more than its
        headers do."""
        loop = asyncio.get_running_loop()
        self.now = loop.time()
        for connection in list(self.connections):
            connection.check_times(self.now)
        self._sweeping = loop.call_later(_SWEEP_S, self._sweep)

    def _time(self) -> float:
        return asyncio.get_running_loop().time()


def _copy(listener: socket.socket) -> socket.socket:
    """The same socket once more; a loop shows its own as one that cannot be used."""
    copy = socket.socket(fileno=os.dup(listener.fileno()))
    copy.setblocking(False)
    return copy


def cannot_listen(host: str, port: int, fault: OSError) -> str:
    """What is said where an address cannot be listened on."""
    if fault.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is in use; end what listens there or choose another --port"
    reason = (fault.strerror or str(fault)).lower()
    return f"cannot listen on {host}:{port}: {reason}; choose another --host or --port"
