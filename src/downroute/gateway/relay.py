"""A stream sent on as it comes. What was sent stays sent; a failure is said in an event.

Where a reply may not be sent before its row is on disk, its end mark is not.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable

from downroute.gateway.call_in_flight import CANCELLED
from downroute.gateway.chat_stream import before_end_mark
from downroute.gateway.confirmations import REFUSAL, Ticket
from downroute.gateway.error_reply import INTERNAL, Refusal
from downroute.gateway.exchange import Exchange, Live
from downroute.gateway.log_lines import say
from downroute.gateway.message import Send
from downroute.gateway.upstream import NoReplyError
from downroute.gateway.wire import Wire


class Relay:
    """The events of a ``live`` answer as they come: a `Pushing` stream. ``over`` is called once
    when it has ended, with the error it ended in; what it gives is sent before the end mark, once
    ``written`` says of its row that it may be."""

    def __init__(
        self,
        exchange: Exchange,
        live: Live,
        wire: Wire,
        over: Callable[[str | None], tuple[bytes, Ticket | None]],
        written: Callable[[Ticket | None], Awaitable[bool]],
    ) -> None:
        self._exchange = exchange
        self._wire = wire
        self._live = live
        self._over = over
        self._written = written
        self._ticket: Ticket | None = None
        self._ended = False
        self._pieces: AsyncGenerator[bytes, None] | None = None
        self._send: Send | None = None

    def push_to(self, send: Send) -> None:
        self._send = send

    def __aiter__(self) -> AsyncGenerator[bytes, None]:
        self._pieces = self._relay()
        return self._pieces

    async def aclose(self) -> None:
        if self._pieces is not None:
            await self._pieces.aclose()
        self._live.stream.close()
        self._end(CANCELLED)

    async def _relay(self) -> AsyncGenerator[bytes, None]:
        stream = self._live.stream
        events: list[bytes] | None = self._live.first
        try:
            while events is not None:
                if stream.reader.done and not self._ended:
                    events = before_end_mark(stream.reader, events, self._end())
                    if not await self._written(self._ticket):
                        yield self._wire.refused_event(REFUSAL)
                        return
                if piece := b"".join(events):
                    yield piece
                    if self._send is not None and not self._ended:
                        await stream.flow(self._send)
                events = await stream.next()
            if not self._ended:
                comment = self._end()
                if not await self._written(self._ticket):
                    comment = self._wire.refused_event(REFUSAL)
                if comment:
                    yield comment
        except NoReplyError as fault:
            self._exchange.fault = fault.with_traceback(None)
            yield await self._failure(f"{fault.fault}: {fault}", self._exchange.refusal())
        except Exception as fault:
            kind = type(fault).__name__
            say(logging.ERROR, "internal error", kind=kind, where="relay")
            refusal = Refusal(500, "the gateway failed", INTERNAL, code="internal_error")
            yield await self._failure(f"internal error: {kind}", refusal)

    async def _failure(self, error: str, refusal: Refusal) -> bytes:
        """What the client is told; nothing where the answer had come to its end before."""
        if self._ended:
            return b""
        self._end(error)
        await self._written(self._ticket)
        return self._wire.refused_event(refusal)

    def _end(self, error: str | None = None) -> bytes:
        if self._ended:
            return b""
        self._ended = True
        said, self._ticket = self._over(error)
        return said
