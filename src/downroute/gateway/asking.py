"""One model asked once: the request as its upstream wants it, and its reply as an `Exchange`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from msgspec import structs

from downroute.answers.openai_chat import usage_from_completion
from downroute.gateway.ask import Ask
from downroute.gateway.call_in_flight import CallInFlight
from downroute.gateway.chat_stream import ChatStream
from downroute.gateway.completion import error_code, finish_reason, snapshot
from downroute.gateway.destinations import Destinations
from downroute.gateway.exchange import Exchange, Live, is_event_stream
from downroute.gateway.log_lines import say
from downroute.gateway.own_keys import is_answer
from downroute.gateway.prices import Prices
from downroute.gateway.second_opinion import question
from downroute.gateway.trying import Trying, unasked
from downroute.gateway.upstream import Fault, NoReplyError, UpstreamClient, UpstreamReply
from downroute.gateway.upstreams.address import ANTHROPIC, OPENAI
from downroute.gateway.upstreams.pool import Pool
from downroute.gateway.user_checks import UserChecks
from downroute.gateway.wire import Reader
from downroute.records import Answer, Attempt, Json, Usage
from downroute.routing.judging import UNJUDGED, judged, opinion

NO_COMPLETION = "no chat completion"
_REFUSED = frozenset({400, 422})
ERROR_IN_STREAM = "error in the stream"


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
        self._trying = Trying(client)
        self._destinations = destinations
        self._prices = prices
        self._checks = checks
        self._keeps_words = keeps_words
        self._no_logprobs: set[str] = set()
        self._no_usage: set[str] = set()

    async def ask(self, call: CallInFlight, model: str, *, judge: bool) -> Exchange:
        """Ask ``model`` what the call asks. Where the route is not to ``judge`` the answer, a
        stream comes back live with its first event; else everything comes back when it is over.
        """
        pool, settings = self._destinations.of(model, call.wire.api)
        ask = Ask(call, model, judge)
        if pool.api != call.wire.api:
            return _other_shape(ask, pool)
        if model in self._no_logprobs:
            ask.added = {}
        ask.usage = model not in self._no_usage

        def body(name: str) -> bytes:
            return call.body.for_upstream(name, settings, ask.added, ask.usage)

        name = settings.name or model
        exchange = await self._trying.exchange(ask, pool, name, body, self._read)
        while exchange.status in _REFUSED and self._refuses_what_we_added(ask, exchange):
            exchange = await self._trying.exchange(ask, pool, name, body, self._read)
        if not ask.usage and model not in self._no_usage and 200 <= exchange.status < 300:
            self._no_usage.add(model)
            say(logging.WARNING, "no usage in streams", model=model)
        if exchange.answers:
            # Code of the user's comes last, and only where nothing else speaks against the answer.
            exchange.attempt = await self._checks.judged(exchange, call)
        return exchange

    async def second_opinion(self, call: CallInFlight, about: Exchange) -> Exchange:
        """Ask the route's second opinion about the answer in ``about``."""
        second = call.plan.route.second
        assert second is not None and about.answers
        model, answer = second.model, about.answers[0]
        ask = Ask(call, model, judge=False, purpose=second.purpose)
        pool, settings = self._destinations.of(model, call.wire.api)
        if pool.api != call.wire.api:
            return _other_shape(ask, pool)

        def body(name: str) -> bytes:
            kept = model not in self._no_logprobs
            return question(call.wire, second, call.body, answer, name, settings, kept)

        name = settings.name or model
        exchange = await self._trying.exchange(ask, pool, name, body, self._read)
        if self._refuses_logprobs(model, exchange):
            exchange = await self._trying.exchange(ask, pool, name, body, self._read)
        failed = exchange.attempt.failed
        completion = None if failed else call.wire.read_completion(exchange.body)
        if completion is not None:
            exchange.attempt = opinion(second, exchange.attempt, completion, answer, call.body)
        return exchange

    def _refuses_what_we_added(self, ask: Ask, exchange: Exchange) -> bool:
        """Whether it may not be asked for something that the client did not ask for; without that
        it may be asked again."""
        if ask.added and self._refuses_logprobs(ask.model, exchange):
            ask.added = {}
            return True
        body = ask.call.body
        added = ask.stream and ask.usage and not body.wants_usage
        if added and "stream_options" not in body and b"stream_options" in exchange.body:
            ask.usage = False
            return True
        return False

    def _refuses_logprobs(self, model: str, exchange: Exchange) -> bool:
        """Whether a model's upstream refused a request for its log probabilities, which the
        gateway asked for by itself and can do without. It is not asked for them again."""
        refused = exchange.status in _REFUSED and b"logprobs" in exchange.body
        if not refused or model in self._no_logprobs:
            return False
        self._no_logprobs.add(model)
        say(logging.WARNING, "no logprobs", model=model, status=exchange.status)
        return True

    async def _read(self, ask: Ask, reply: UpstreamReply) -> Exchange:
        good = 200 <= reply.status < 300
        if good and ask.stream and is_event_stream(reply.headers):
            return await self._read_stream(ask, reply)
        body = await reply.read()
        headers = reply.headers
        keys = self._destinations.own_keys
        if not good:
            body, headers = keys.masked(body), keys.masked_headers(headers)
            code = error_code(body)
            error = f"HTTP {reply.status} ({code})" if code else f"HTTP {reply.status}"
            # An answer that is refused is not billed.
            return Exchange(ask.failed(reply.status, error, 0.0), reply.status, headers, body)
        attempt, answers = self._answered(ask, reply.status, ask.call.wire.read_completion(body))
        if attempt.error is not None or (keys.quoted_in(body) and not is_answer(body)):
            body, headers = keys.masked(body), keys.masked_headers(headers)
        return Exchange(
            attempt,
            reply.status,
            headers,
            ask.call.wire.without_logprobs(body) if ask.added else body,
            kept=body if self._keeps_words else None,
            answers=answers,
        )

    async def _read_stream(self, ask: Ask, reply: UpstreamReply) -> Exchange:
        reader = ask.call.wire.reader(
            ask.call.body,
            keep_words=self._keeps_words or ask.judge,
            hide_logprobs=bool(ask.added),
        )
        stream = ChatStream(reply, reader, self._destinations.own_keys)
        first = await stream.next() or []
        first_byte_s = ask.elapsed_s()

        # No function within: compiled, a coroutine and what is defined in it hold each other.
        answered = partial(self._streamed, ask, reply.status, reader, first_byte_s)
        exchange = Exchange(ask.begun(reply.status), reply.status, reply.headers)
        if ask.judge or reader.error:
            exchange.body = await stream.read(first)
            exchange.attempt, exchange.answers = answered(None)
            exchange.kept = reader.kept if self._keeps_words else None
        else:
            exchange.live = Live(stream, first, partial(_attempt, answered))
        return exchange

    def _streamed(
        self, ask: Ask, status: int, reader: Reader, first_byte_s: float, error: str | None
    ) -> tuple[Attempt, Sequence[Answer]]:
        """What was answered by a stream that is over, with the error it ended in, if any."""
        error = error or (ERROR_IN_STREAM if reader.error else None)
        completion = reader.completion() if ask.judge else reader.outcome()
        return self._answered(ask, status, completion, first_byte_s, error, whole=reader.whole)

    def _answered(
        self,
        ask: Ask,
        status: int,
        completion: Mapping[str, Json] | None,
        first_byte_s: float | None = None,
        error: str | None = None,
        *,
        whole: bool = True,
    ) -> tuple[Attempt, Sequence[Answer]]:
        """The attempt that brought ``completion``, judged where it is to be, with the answers that
        were judged. Of what is not ``whole`` nobody knows how many tokens are billed: what was
        stated before its end was counted up to there."""
        usage = usage_from_completion(completion) if completion else Usage()
        if not whole:
            usage = structs.replace(usage, output_tokens=None, reasoning_tokens=None)
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


def _other_shape(ask: Ask, pool: Pool) -> Exchange:
    """What cannot be asked in the shape the client speaks: nothing is translated."""
    where = {OPENAI: "/v1/chat/completions", ANTHROPIC: "/v1/messages"}[pool.api]
    said = f"its upstream '{pool.name}' speaks another API; it is asked at {where}"
    return unasked(ask, NoReplyError(Fault.WRONG_API, said))


def _attempt(
    answered: Callable[[str | None], tuple[Attempt, Sequence[Answer]]], error: str | None
) -> Attempt:
    return answered(error)[0]
