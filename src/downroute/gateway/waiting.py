"""A stream that is held back until its answer is accepted.

Headers are worth waiting for: up to one heartbeat they are kept back as well, and a decision that
falls in that time stands in them. After that the head of the stream is sent with what is known
(task, policy, call id), comments show that it is alive, and the decision follows in a comment
before the end mark.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Protocol

from downroute.gateway.call_in_flight import CallInFlight
from downroute.gateway.error_reply import INTERNAL, Refusal
from downroute.gateway.exchange import Live, Outcome
from downroute.gateway.message import Headers, Pushing, Reply, Send
from downroute.gateway.sse import EVENT_STREAM, HEARTBEAT

_HEAD: Headers = (("content-type", f"{EVENT_STREAM}; charset=utf-8"), ("cache-control", "no-cache"))


class Chat(Protocol):
    """What comes to a decision and says it; see `chat.Answering`."""

    async def settle(self, call: CallInFlight) -> Outcome: ...

    async def answer(self, call: CallInFlight, outcome: Outcome) -> Reply: ...

    def live(
        self, call: CallInFlight, outcome: Outcome, live: Live, *, late: bool = False
    ) -> Pushing: ...

    async def held(self, call: CallInFlight, outcome: Outcome) -> bytes: ...

    def unsent(self, call: CallInFlight, outcome: Outcome) -> None: ...


async def hold_back(chat: Chat, call: CallInFlight, heartbeat_s: float) -> Reply:
    """The reply to a stream on a route with several models."""
    held = HeldBack(chat, call, heartbeat_s)
    try:
        outcome = await held.decided()
    except BaseException:
        await held.aclose()
        raise
    if outcome is not None:
        return await chat.answer(call, outcome)
    return Reply(200, [*_HEAD, *call.early_headers()], held)


class HeldBack:
    """Heartbeats, then the accepted answer: a `Pushing` stream."""

    def __init__(self, chat: Chat, call: CallInFlight, heartbeat_s: float) -> None:
        self._chat = chat
        self._call = call
        self._heartbeat_s = heartbeat_s
        self._settling = asyncio.ensure_future(chat.settle(call))
        self._taken = False
        self._pieces: AsyncGenerator[bytes, None] | None = None
        self._send: Send | None = None

    def push_to(self, send: Send) -> None:
        self._send = send

    async def decided(self) -> Outcome | None:
        """The outcome, if it is there within one heartbeat."""
        await asyncio.wait({self._settling}, timeout=self._heartbeat_s)
        if not self._settling.done():
            return None
        self._taken = True
        return self._settling.result()

    def __aiter__(self) -> AsyncGenerator[bytes, None]:
        self._pieces = self._hold()
        return self._pieces

    async def aclose(self) -> None:
        """End the asking, and with it the upstream's call."""
        if self._pieces is not None:
            await self._pieces.aclose()
        if not self._settling.done():
            self._settling.cancel()
            await asyncio.wait({self._settling})
        settled = not self._settling.cancelled() and self._settling.exception() is None
        if settled and not self._taken:
            self._taken = True
            self._chat.unsent(self._call, self._settling.result())

    async def _hold(self) -> AsyncGenerator[bytes, None]:
        outcome: Outcome | None = None
        while outcome is None:
            yield HEARTBEAT
            try:
                outcome = await self.decided()
            except Exception:
                failed = Refusal(500, "the gateway failed", INTERNAL, code="internal_error")
                yield self._call.wire.refused_event(failed)
                return
        if outcome.exchange.live is None:
            yield await self._chat.held(self._call, outcome)
            return
        live = self._chat.live(self._call, outcome, outcome.exchange.live, late=True)
        if self._send is not None:
            live.push_to(self._send)
        async with aclosing(live):
            async for piece in live:
                yield piece
