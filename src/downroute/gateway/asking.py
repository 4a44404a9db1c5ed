"""One model asked once: the request as its upstream wants it, and its reply as an `Exchange`."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence

from downroute.answers.openai_chat import usage_from_completion
from downroute.gateway.call_in_flight import CANCELLED, CallInFlight
from downroute.gateway.chat_stream import ChatStream
from downroute.gateway.completion import error_code, finish_reason, snapshot
from downroute.gateway.destinations import Address, Destinations
from downroute.gateway.exchange import Exchange, Live, is_event_stream
from downroute.gateway.headers import to_upstream
from downroute.gateway.log_lines import say
from downroute.gateway.prices import Prices
from downroute.gateway.second_opinion import question
from downroute.gateway.upstream import Fault, NoReplyError, UpstreamClient, UpstreamReply
from downroute.gateway.user_checks import UserChecks
from downroute.records import Answer, Attempt, Json, Purpose, Usage
from downroute.routing.judging import UNJUDGED, judged, opinion, parameters_for_judging

NO_COMPLETION = "no chat completion"
_REFUSED = frozenset({400, 422})
ERROR_IN_STREAM = "error in the stream"


class _Ask:
    """What is known of one ask from its start. ``added`` are parameters that the route's score
    needs and the client did not ask for. ``stream``: the reply is asked for as a stream."""

    __slots__ = ("added", "began", "call", "judge", "model", "onward", "purpose", "stream")

    def __init__(
        self, call: CallInFlight, model: str, judge: bool, purpose: Purpose = Purpose.ANSWER
    ) -> None:
        self.call = call
        self.model = model
        self.judge = judge
        self.purpose = purpose
        self.stream = call.body.stream and purpose is Purpose.ANSWER
        self.added: Mapping[str, Json] = {}
        if judge and not call.body.wants_logprobs:
            self.added = parameters_for_judging(call.plan.route)
        self.began = time.perf_counter()
        self.onward = call.onward if call.trace is None else call.trace.asked(call.onward)

    def elapsed_s(self) -> float:
        return time.perf_counter() - self.began


class Asking:
    """``keeps_words``: the log wants the words of answers. ``checks`` runs the users' own."""

    def __init__(
        self,
        client: UpstreamClient,
        destinations: Destinations,
        prices: Prices,
        checks: UserChecks,
        *,
        keeps_words: bool,
    ) -> None:
        self._client = client
        self._destinations = destinations
        self._prices = prices
        self._checks = checks
        self._keeps_words = keeps_words
        self._no_logprobs: set[str] = set()

    async def ask(self, call: CallInFlight, model: str, *, judge: bool) -> Exchange:
        """Ask ``model`` what the call asks. Where the route is not to ``judge`` the answer, a
        stream comes back live with its first event; else everything comes back when it is over.
        """
        address, settings = self._destinations.of(model, call.wire.api)
        name = settings.name or model
        ask = _Ask(call, model, judge)
        if address.api != call.wire.api:
            return _other_shape(ask, address)
        if model in self._no_logprobs:
            ask.added = {}
        exchange = await self._exchange(
            ask, address, call.body.for_upstream(name, settings, ask.added)
        )
        if ask.added and self._refuses_logprobs(model, exchange):
            ask.added = {}
            body = call.body.for_upstream(name, settings, ask.added)
            exchange = await self._exchange(ask, address, body)
        if exchange.answers:
            # Code of the user's comes last, and only where nothing else speaks against the answer.
            exchange.attempt = await self._checks.judged(exchange, call)
        return exchange

    async def second_opinion(self, call: CallInFlight, about: Exchange) -> Exchange:
        """Ask the route's second opinion about the answer in ``about``."""
        second = call.plan.route.second
        assert second is not None and about.answers
        model, answer = second.model, about.answers[0]
        ask = _Ask(call, model, judge=False, purpose=second.purpose)
        address, settings = self._destinations.of(model, call.wire.api)
        if address.api != call.wire.api:
            return _other_shape(ask, address)

        def body() -> bytes:
            kept = model not in self._no_logprobs
            name = settings.name or model
            return question(call.wire, second, call.body, answer, name, settings, kept)

        exchange = await self._exchange(ask, address, body())
        if self._refuses_logprobs(model, exchange):
            exchange = await self._exchange(ask, address, body())
        failed = exchange.attempt.failed
        completion = None if failed else call.wire.read_completion(exchange.body)
        if completion is not None:
            exchange.attempt = opinion(second, exchange.attempt, completion, answer, call.body)
        return exchange

    def _refuses_logprobs(self, model: str, exchange: Exchange) -> bool:
        """Whether a model's upstream refused a request for its log probabilities, which the
        gateway asked for by itself and can do without. It is not asked for them again."""
        refused = exchange.status in _REFUSED and b"logprobs" in exchange.body
        if not refused or model in self._no_logprobs:
            return False
        self._no_logprobs.add(model)
        say(logging.WARNING, "no logprobs", model=model, status=exchange.status)
        return True

    async def _exchange(self, ask: _Ask, address: Address, body: bytes) -> Exchange:
        reply: UpstreamReply | None = None
        exchange: Exchange | None = None
        try:
            reply = await self._send(ask, address, body)
            exchange = await self._read(ask, reply)
        except NoReplyError as fault:
            # Without a connection nothing can be billed; whatever broke off later may be.
            cost = 0.0 if fault.fault is Fault.UNREACHABLE else None
            error = f"{fault.fault}: {fault}"
            status = reply.status if reply else None
            exchange = Exchange(_failed(ask, status, error, cost), fault=fault)
        except asyncio.CancelledError:
            ask.call.attempts.append(_failed(ask, reply.status if reply else None, CANCELLED, None))
            raise
        finally:
            if reply is not None and (exchange is None or exchange.live is None):
                reply.close()
        return exchange

    async def _send(self, ask: _Ask, address: Address, body: bytes) -> UpstreamReply:
        left_s = max(ask.call.time_left_s(), 0.001)
        return await self._client.send(
            "POST",
            address.chat_url,
            to_upstream(
                ask.onward,
                address.headers,
                own_key=address.own_key,
                defaults=address.defaults,
            ),
            body,
            total_s=left_s if ask.stream else min(left_s, address.timeout_s),
            idle_s=address.timeout_s if ask.stream else None,
        )

    async def _read(self, ask: _Ask, reply: UpstreamReply) -> Exchange:
        good = 200 <= reply.status < 300
        if good and ask.stream and is_event_stream(reply.headers):
            return await self._read_stream(ask, reply)
        body = await reply.read()
        if not good:
            code = error_code(body)
            error = f"HTTP {reply.status} ({code})" if code else f"HTTP {reply.status}"
            # An answer that is refused is not billed.
            return Exchange(
                _failed(ask, reply.status, error, 0.0), reply.status, reply.headers, body
            )
        attempt, answers = self._answered(ask, reply.status, ask.call.wire.read_completion(body))
        return Exchange(
            attempt,
            reply.status,
            reply.headers,
            ask.call.wire.without_logprobs(body) if ask.added else body,
            kept=body if self._keeps_words else None,
            answers=answers,
        )

    async def _read_stream(self, ask: _Ask, reply: UpstreamReply) -> Exchange:
        reader = ask.call.wire.reader(
            ask.call.body,
            keep_words=self._keeps_words or ask.judge,
            hide_logprobs=bool(ask.added),
        )
        stream = ChatStream(reply, reader)
        first = await stream.next() or []
        first_byte_s = ask.elapsed_s()

        def answered(error: str | None = None) -> tuple[Attempt, Sequence[Answer]]:
            error = error or (ERROR_IN_STREAM if reader.error else None)
            completion = reader.completion() if ask.judge else reader.outcome()
            return self._answered(ask, reply.status, completion, first_byte_s, error)

        exchange = Exchange(_begun(ask, reply.status), reply.status, reply.headers)
        if ask.judge or reader.error:
            exchange.body = await stream.read(first)
            exchange.attempt, exchange.answers = answered()
            exchange.kept = reader.kept if self._keeps_words else None
        else:
            exchange.live = Live(stream, first, lambda error: answered(error)[0])
        return exchange

    def _answered(
        self,
        ask: _Ask,
        status: int,
        completion: Mapping[str, Json] | None,
        first_byte_s: float | None = None,
        error: str | None = None,
    ) -> tuple[Attempt, Sequence[Answer]]:
        """The attempt that brought ``completion``, judged where it is to be, with the answers that
        were judged."""
        usage = usage_from_completion(completion) if completion else Usage()
        if error is None and not (completion and completion["choices"]):
            error = NO_COMPLETION
        found = UNJUDGED
        if ask.judge and error is None and completion is not None:
            try:
                found = judged(ask.call.plan.route, completion, ask.call.body)
            except Exception as fault:
                # An answer that cannot be judged is not good enough; another model is asked.
                say(logging.ERROR, "check failed to run", kind=type(fault).__name__)
                error = "the answer could not be checked"
        attempt = Attempt(
            ask.model,
            ask.purpose,
            status=status,
            error=error,
            usage=usage,
            cost_usd=self._prices.known_cost_usd(ask.model, usage),
            latency_s=ask.elapsed_s(),
            first_byte_s=first_byte_s,
            finish_reason=finish_reason(completion) if completion else None,
            snapshot=snapshot(completion) if completion else None,
            checks=found.checks,
            signals=found.signals,
            score=found.score,
        )
        return attempt, found.answers


def _other_shape(ask: _Ask, address: Address) -> Exchange:
    """What cannot be asked in the shape the client speaks: nothing is translated."""
    where = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}[address.api]
    fault = NoReplyError(
        Fault.WRONG_API,
        f"its upstream '{address.upstream}' speaks another API; it is asked at {where}",
    )
    return Exchange(_failed(ask, None, f"{fault.fault}: {fault}", 0.0), fault=fault)


def _begun(ask: _Ask, status: int) -> Attempt:
    return Attempt(ask.model, ask.purpose, status=status)


def _failed(ask: _Ask, status: int | None, error: str, cost_usd: float | None) -> Attempt:
    return Attempt(
        ask.model,
        ask.purpose,
        status=status,
        error=error,
        cost_usd=cost_usd,
        latency_s=ask.elapsed_s(),
    )
