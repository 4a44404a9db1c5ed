"""A request put to an upstream: at one of its places, and, where that fails in a way that allows
it, at another or at the same one again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence

from msgspec import structs

from downroute.gateway.ask import Ask
from downroute.gateway.call_in_flight import CANCELLED
from downroute.gateway.exchange import Exchange
from downroute.gateway.upstream import NoReplyError, UpstreamClient, UpstreamReply
from downroute.gateway.upstreams.again import Again, after_fault, after_status
from downroute.gateway.upstreams.another import another, is_ours, learn
from downroute.gateway.upstreams.pool import Deployment, Pool
from downroute.records import Purpose

Reading = Callable[[Ask, UpstreamReply], Awaitable[Exchange]]
"""Makes the exchange of a reply."""


class Trying:
    """``jitter`` gives numbers in [0, 1)."""

    def __init__(self, client: UpstreamClient, jitter: Callable[[], float] = random.random) -> None:
        self._client = client
        self._jitter = jitter
        self._now = asyncio.get_running_loop().time

    async def exchange(
        self, ask: Ask, pool: Pool, name: str, body: Callable[[str], bytes], read: Reading
    ) -> Exchange:
        """What comes of ``ask``. ``body`` makes the body for a model's name; ``name`` is the usual
        one. Tries in vain are left with the call."""
        place = pool.choose((), self._now())
        if place is None:
            return unasked(ask, pool.closed_off(self._now()))
        tried = [place]
        while True:
            sent = body(place.names.get(ask.model, name))
            exchange = await self._try(ask, pool, place, sent, read)
            then = self._next(ask, pool, tried, exchange)
            if then is None:
                return exchange
            place, pause_s = then
            tried.append(place)
            exchange.attempt = structs.replace(exchange.attempt, purpose=Purpose.RETRIED)
            ask.call.note(exchange)
            if pause_s > 0:
                await asyncio.sleep(pause_s)
            ask.begin()

    def _next(
        self, ask: Ask, pool: Pool, tried: Sequence[Deployment], exchange: Exchange
    ) -> tuple[Deployment, float] | None:
        """Where it is asked next, after so many seconds; ``None`` = the exchange is the last."""
        again = _again(exchange)
        if again is Again.NOWHERE:
            return None
        return another(
            pool,
            tried,
            again,
            (exchange.status, exchange.headers),
            ask.call.time_left_s(),
            self._now(),
            self._jitter,
        )

    async def _try(
        self, ask: Ask, pool: Pool, place: Deployment, body: bytes, read: Reading
    ) -> Exchange:
        reply: UpstreamReply | None = None
        place.breaker.sent()
        try:
            reply = await self._sending(ask, pool, place, body)
            exchange = await read(ask, reply)
        except NoReplyError as fault:
            # What was not asked cannot be billed; whatever broke off later may be.
            cost = 0.0 if fault.fault.unasked else None
            error = f"{fault.fault}: {fault}"
            status = reply.status if reply else None
            # With its traceback it would hold this frame, and with that the exchange it is part of.
            kept = fault.with_traceback(None)
            exchange = Exchange(ask.failed(status, error, cost), fault=kept)
        except BaseException as other:
            # Not in a ``finally``: compiled, it would take the exchange for one that is there.
            if isinstance(other, asyncio.CancelledError):
                status = reply.status if reply else None
                ask.call.attempts.append(ask.failed(status, CANCELLED, None))
            if reply is not None:
                reply.close()
            place.breaker.gave_up()
            raise
        if reply is not None and exchange.live is None:
            reply.close()
        gone = exchange.fault
        ours = gone is not None and is_ours(gone, ask.call.time_left_s())
        learn(place, exchange.status, exchange.headers, self._now(), gone, ours=ours)
        return exchange

    def _sending(
        self, ask: Ask, pool: Pool, place: Deployment, body: bytes
    ) -> Awaitable[UpstreamReply]:
        address = place.address
        patience = address.patience(ask.call.time_left_s(), stream=ask.stream)
        headers = address.sent(ask.onward)
        url = address.chat_url_with(ask.call.query)
        return pool.send(self._client, "POST", url, headers, body, patience)


def unasked(ask: Ask, fault: NoReplyError) -> Exchange:
    """What comes of an ask where nobody can be asked."""
    return Exchange(ask.failed(None, f"{fault.fault}: {fault}", 0.0), fault=fault)


def _again(exchange: Exchange) -> Again:
    if exchange.live is not None:
        return Again.NOWHERE
    if exchange.fault is not None:
        return after_fault(exchange.fault.fault)
    if exchange.status < 400:
        return Again.NOWHERE
    error = exchange.attempt.error or ""
    return after_status(exchange.status, error.partition("(")[2].rstrip(")"))
