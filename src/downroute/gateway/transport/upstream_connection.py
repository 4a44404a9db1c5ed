"""One connection to an upstream, which exchanges follow each other on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from downroute.gateway.transport.upstream_exchange import UpstreamExchange
from downroute.gateway.upstream import Patience


class UpstreamConnection(asyncio.Protocol):
    """``give_back`` is called each time a reply is over and another request may be sent;
    ``among`` holds it while it is open."""

    def __init__(
        self,
        give_back: Callable[[UpstreamConnection], None],
        among: set[UpstreamConnection],
    ) -> None:
        self.dropped_silently = False
        """The last request was sent on a kept connection that ended without a byte of a reply."""
        self._give_back = give_back
        self._among = among
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._exchange: UpstreamExchange | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def usable(self) -> bool:
        """Whether a request can be sent on it now."""
        transport = self._transport
        return self._exchange is None and transport is not None and not transport.is_closing()

    async def ask(
        self, message: bytes, until: float, patience: Patience, *, head_only: bool
    ) -> UpstreamExchange:
        """Send ``message`` and wait for the head of the reply. The whole exchange ends at
        ``until`` on the loop's clock, a wait for bytes as ``patience`` says.

        Raises:
            NoReplyError: there is no reply.
        """
        assert self._transport is not None
        self.dropped_silently = False
        exchange = self._exchange = UpstreamExchange(self, until, patience, head_only)
        self.watch(exchange.deadline)
        self._transport.write(message)
        try:
            while (news := exchange.news()) is not None:
                await news
        except BaseException:
            exchange.close()
            raise
        return exchange

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._among.add(self)

    def data_received(self, data: bytes) -> None:
        if self._exchange is None:
            # Said without being asked: what comes next could be taken for an answer.
            self.abort()
        else:
            self._exchange.feed(data)

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._among.discard(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            self.dropped_silently = not exchange.answered
            exchange.lost(error)

    # for the exchange

    def over(self) -> None:
        """The reply is here to its end."""
        exchange, self._exchange = self._exchange, None
        assert exchange is not None
        if exchange.reusable and self.usable:
            self.read_on(True)
            self._give_back(self)
        else:
            self.abort()

    def watch(self, deadline: float) -> None:
        """See to the exchange at ``deadline`` or before. One timer a connection, which a new
        deadline leaves as it is unless it comes sooner: one for each exchange, set and cancelled,
        would cost more than reading the head of its reply."""
        if self._timer is None or deadline < self._timer.when():
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_at(deadline, self._check_time)

    def _check_time(self) -> None:
        self._timer = None
        if self._exchange is not None:
            self._exchange.check_time()

    def read_on(self, reading: bool) -> None:
        """Let the upstream send on, or wait."""
        if self._transport is not None and not self._transport.is_closing():
            (self._transport.resume_reading if reading else self._transport.pause_reading)()

    def abort(self) -> None:
        self._exchange = None
        if self._transport is not None:
            self._transport.abort()

    def forget(self) -> None:
        """End what was never used. Cancelled at the moment a connection is there, uvloop closes its
        socket without a word to what was made for it."""
        self.abort()
        self._transport = None
        self._among.discard(self)
