"""A stream sent on as it comes. What was sent stays sent; a failure is said in an event."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable

from downroute.gateway.call_in_flight import CANCELLED
from downroute.gateway.chat_stream import before_end_mark
from downroute.gateway.error_reply import INTERNAL, Refusal
from downroute.gateway.exchange import Exchange, Live
from downroute.gateway.log_lines import say
from downroute.gateway.upstream import NoReplyError
from downroute.gateway.wire import Wire


class Relay:
    """The events of a ``live`` answer as they come: a `Stream`. ``over`` is called once when it
    has ended, with the error it ended in; what it gives is sent before the end mark."""

    def __init__(
        self, exchange: Exchange, live: Live, wire: Wire, over: Callable[[str | None], bytes]
    ) -> None:
        self._exchange = exchange
        self._wire = wire
        self._live = live
        self._over = over
        self._ended = False
        self._pieces: AsyncGenerator[bytes, None] | None = None

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
                if piece := b"".join(events):
                    yield piece
                events = await stream.next()
            if comment := self._end():
                yield comment
        except NoReplyError as fault:
            self._exchange.fault = fault.with_traceback(None)
            yield self._failure(f"{fault.fault}: {fault}", self._exchange.refusal())
        except Exception as fault:
            kind = type(fault).__name__
            say(logging.ERROR, "internal error", kind=kind, where="relay")
            refusal = Refusal(500, "the gateway failed", INTERNAL, code="internal_error")
            yield self._failure(f"internal error: {kind}", refusal)

    def _failure(self, error: str, refusal: Refusal) -> bytes:
        """What the client is told; nothing where the answer had come to its end before."""
        if self._ended:
            return b""
        self._end(error)
        return self._wire.refused_event(refusal)

    def _end(self, error: str | None = None) -> bytes:
        if self._ended:
            return b""
        self._ended = True
        return self._over(error)
