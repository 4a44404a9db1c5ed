"""One model asked once: the request as its upstream wants it, and its reply as an `Exchange`."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import time
from collections.abc import Mapping

from downroute.answers.openai_chat import usage_from_completion
from downroute.gateway.call_in_flight import CANCELLED, CallInFlight
from downroute.gateway.chat_stream import ChatStream
from downroute.gateway.completion import (
    error_code,
    finish_reason,
    read_completion,
    snapshot,
    without_logprobs,
)
from downroute.gateway.destinations import Destinations
from downroute.gateway.exchange import Exchange, Live, is_event_stream
from downroute.gateway.headers import to_upstream
from downroute.gateway.judging import judged, parameters_for_judging
from downroute.gateway.log_lines import say
from downroute.gateway.prices import Prices
from downroute.gateway.sse import ChunkReader
from downroute.gateway.upstream import Fault, NoReplyError, UpstreamClient, UpstreamReply
from downroute.records import Attempt, Json, Usage

NO_COMPLETION = "no chat completion"
ERROR_IN_STREAM = "error in the stream"


class _Ask:
    """What is known of one ask from its start. ``added`` are parameters that the route's score
    needs and the client did not ask for."""

    __slots__ = ("added", "began", "call", "judge", "model")

    def __init__(self, call: CallInFlight, model: str, judge: bool) -> None:
        self.call = call
        self.model = model
        self.judge = judge
        self.added: Mapping[str, Json] = {}
        if judge and not call.body.wants_logprobs:
            self.added = parameters_for_judging(call.plan.route)
        self.began = time.perf_counter()

    def elapsed_s(self) -> float:
        return time.perf_counter() - self.began


class Asking:
    """``keeps_words``: the log wants the words of answers."""

    def __init__(
        self,
        client: UpstreamClient,
        destinations: Destinations,
        prices: Prices,
        *,
        keeps_words: bool,
    ) -> None:
        self._client = client
        self._destinations = destinations
        self._prices = prices
        self._keeps_words = keeps_words

    async def ask(self, call: CallInFlight, model: str, *, judge: bool) -> Exchange:
        """Ask ``model`` what the call asks. Where the route is not to ``judge`` the answer, a
        stream comes back live with its first event; else everything comes back when it is over.
        """
        ask = _Ask(call, model, judge)
        reply: UpstreamReply | None = None
        exchange: Exchange | None = None
        try:
            reply = await self._send(ask)
            exchange = await self._read(ask, reply)
        except NoReplyError as fault:
            # Without a connection nothing can be billed; whatever broke off later may be.
            cost = 0.0 if fault.fault is Fault.UNREACHABLE else None
            error = f"{fault.fault}: {fault}"
            status = reply.status if reply else None
            exchange = Exchange(_failed(ask, status, error, cost), fault=fault)
        except asyncio.CancelledError:
            call.attempts.append(_failed(ask, reply.status if reply else None, CANCELLED, None))
            raise
        finally:
            if reply is not None and (exchange is None or exchange.live is None):
                reply.close()
        return exchange

    async def _send(self, ask: _Ask) -> UpstreamReply:
        body = ask.call.body
        address, settings = self._destinations.of(ask.model)
        left_s = max(ask.call.time_left_s(), 0.001)
        return await self._client.send(
            "POST",
            address.chat_url,
            to_upstream(ask.call.onward, address.headers, own_key=address.own_key),
            body.for_upstream(settings.name or ask.model, settings, ask.added),
            total_s=left_s if body.stream else min(left_s, address.timeout_s),
            idle_s=address.timeout_s if body.stream else None,
        )

    async def _read(self, ask: _Ask, reply: UpstreamReply) -> Exchange:
        good = 200 <= reply.status < 300
        if good and ask.call.body.stream and is_event_stream(reply.headers):
            return await self._read_stream(ask, reply)
        body = await reply.read()
        if not good:
            code = error_code(body)
            error = f"HTTP {reply.status} ({code})" if code else f"HTTP {reply.status}"
            # An answer that is refused is not billed.
            return Exchange(
                _failed(ask, reply.status, error, 0.0), reply.status, reply.headers, body
            )
        completion = read_completion(body)
        return Exchange(
            self._answered(ask, reply.status, completion),
            reply.status,
            reply.headers,
            without_logprobs(body) if ask.added else body,
            kept=body if self._keeps_words else None,
        )

    async def _read_stream(self, ask: _Ask, reply: UpstreamReply) -> Exchange:
        reader = ChunkReader(
            keep_words=self._keeps_words or ask.judge,
            hide_usage=not ask.call.body.wants_usage,
            hide_logprobs=bool(ask.added),
        )
        stream = ChatStream(reply, reader)
        first = await stream.next() or []
        first_byte_s = ask.elapsed_s()

        def attempt(error: str | None = None) -> Attempt:
            error = error or (ERROR_IN_STREAM if reader.error else None)
            completion = reader.completion() if ask.judge else reader.outcome()
            return self._answered(ask, reply.status, completion, first_byte_s, error)

        exchange = Exchange(_begun(ask, reply.status), reply.status, reply.headers)
        if ask.judge or reader.error:
            exchange.body = await stream.read(first)
            exchange.attempt = attempt()
            exchange.kept = reader.kept if self._keeps_words else None
        else:
            exchange.live = Live(stream, first, attempt)
        return exchange

    def _answered(
        self,
        ask: _Ask,
        status: int,
        completion: Mapping[str, Json] | None,
        first_byte_s: float | None = None,
        error: str | None = None,
    ) -> Attempt:
        """The attempt that brought ``completion``, judged where it is to be."""
        usage = usage_from_completion(completion) if completion else Usage()
        if error is None and not (completion and completion["choices"]):
            error = NO_COMPLETION
        attempt = Attempt(
            ask.model,
            status=status,
            error=error,
            usage=usage,
            cost_usd=self._prices.known_cost_usd(ask.model, usage),
            latency_s=ask.elapsed_s(),
            first_byte_s=first_byte_s,
            finish_reason=finish_reason(completion) if completion else None,
            snapshot=snapshot(completion) if completion else None,
        )
        if not ask.judge or error is not None or completion is None:
            return attempt
        try:
            return judged(attempt, ask.call.plan.route, completion, ask.call.body)
        except Exception as fault:
            # An answer that cannot be judged is not good enough; another model is asked.
            say(logging.ERROR, "check failed to run", kind=type(fault).__name__)
            return dataclasses.replace(attempt, error="the answer could not be checked")


def _begun(ask: _Ask, status: int) -> Attempt:
    return Attempt(ask.model, status=status)


def _failed(ask: _Ask, status: int | None, error: str, cost_usd: float | None) -> Attempt:
    return Attempt(
        ask.model, status=status, error=error, cost_usd=cost_usd, latency_s=ask.elapsed_s()
    )
