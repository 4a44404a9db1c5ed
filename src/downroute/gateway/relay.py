"""A stream sent on as it comes. What was sent stays sent; a failure is said in an event.

Where a reply may not be sent before its row is on disk, its end mark is not.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable

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
        self._begun = False
        self._given = False
        """A piece was given since events were last handed on."""
        self._open = False
        """The last piece given does not end its line."""
        self._said_all = False
        self._send: Send | None = None

    def push_to(self, send: Send) -> None:
        self._send = send

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        piece = await self._next()
        if piece is None:
            raise StopAsyncIteration
        return piece

    async def aclose(self) -> None:
        self._said_all = True
        self._live.stream.close()
        self._end(CANCELLED)

    async def _next(self) -> bytes | None:
        """What the client gets next; ``None`` after the last. No generator: those cannot be
        compiled."""
        try:
            while not self._said_all:
                events = await self._events()
                piece = await (self._rest() if events is None else self._piece(events))
                if piece:
                    self._given = True
                    self._open = not piece.endswith((b"\n", b"\r"))
                    return piece
            return None
        except NoReplyError as fault:
            self._exchange.fault = fault.with_traceback(None)
            error, refusal = f"{fault.fault}: {fault}", self._exchange.refusal()
        except Exception as other:
            kind = type(other).__name__
            say(logging.ERROR, "internal error", kind=kind, where="relay")
            error = f"internal error: {kind}"
            refusal = Refusal(500, "the gateway failed", INTERNAL, code="internal_error")
        self._said_all = True
        return await self._failure(error, refusal)

    async def _events(self) -> list[bytes] | None:
        stream = self._live.stream
        if not self._begun:
            self._begun = True
            return self._live.first
        if self._given and self._send is not None and not self._ended:
            self._given = False
            await stream.flow(self._send)
        return await stream.next()

    async def _piece(self, events: list[bytes]) -> bytes:
        reader = self._live.stream.reader
        if reader.done and not self._ended:
            events = before_end_mark(reader, events, self._end())
            if not await self._written(self._ticket):
                self._said_all = True
                return self._wire.refused_event(REFUSAL)
        return b"".join(events)

    async def _rest(self) -> bytes:
        """What is said after the last event."""
        self._said_all = True
        if self._ended:
            return b""
        comment = self._end()
        if self._open and comment:
            comment = b"\n\n" + comment
        return comment if await self._written(self._ticket) else self._wire.refused_event(REFUSAL)

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
