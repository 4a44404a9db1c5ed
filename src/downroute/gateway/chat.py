"""A request for an answer: plan the route, ask along it until an answer is accepted, reply, log.

The loop is the one a study simulates: `next_step`, ask, judge, `next_step`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from downroute.config import ServeSettings
from downroute.gateway import json_text
from downroute.gateway.asking import Asking
from downroute.gateway.call_id import new_call_id
from downroute.gateway.call_in_flight import CANCELLED, CLIENT_CLOSED_REQUEST, CallInFlight
from downroute.gateway.call_log import CallLog
from downroute.gateway.call_row import CallRow
from downroute.gateway.confirmations import REFUSAL, RETRY, Ticket
from downroute.gateway.conversations import Conversations
from downroute.gateway.error_reply import Refusal
from downroute.gateway.escalations import Escalations, escalation_cost_usd, is_escalation
from downroute.gateway.exchange import Exchange, Live, Outcome, when_again
from downroute.gateway.headers import comment, split, to_client
from downroute.gateway.message import JSON_TYPE, Pushing, Reply, Request, path_and_query
from downroute.gateway.plan import Serving, plan
from downroute.gateway.relay import Relay
from downroute.gateway.request_members import packed
from downroute.gateway.telemetry.trace_context import Tracing
from downroute.gateway.versions import Versions
from downroute.gateway.waiting import hold_back
from downroute.gateway.wire import Wire
from downroute.records import Decision, Purpose
from downroute.routing.cascade import Accept, Ask, Limits, decision, is_judged, next_step

_now: Final = time.perf_counter
_time: Final = time.time
_ANSWER: Final = Purpose.ANSWER
_DIRECT: Final = Decision.DIRECT


@dataclass(frozen=True, slots=True)
class Remembered:
    """What one call leaves behind for later ones, whatever the shape they come in."""

    conversations: Conversations = field(default_factory=Conversations)
    escalations: Escalations = field(default_factory=Escalations)
    versions: Versions = field(default_factory=Versions)


class Answering:
    """Calls of one ``wire``. ``serving`` gives the policy in force, ``settings`` how long a call
    may take, its attempts together, and how often a stream that is held back shows that it is
    alive."""

    def __init__(
        self,
        wire: Wire,
        asking: Asking,
        serving: Callable[[], Serving],
        log: CallLog,
        kept: Remembered,
        settings: Callable[[], ServeSettings],
        *,
        tracing: Tracing | None = None,
    ) -> None:
        self._wire = wire
        self._asking = asking
        self._conversations = kept.conversations
        self._versions = kept.versions
        self._escalations = kept.escalations
        self._serving = serving
        self._log = log
        self._settings = settings
        self._tracing = tracing

    async def reply(self, request: Request) -> Reply:
        began, now = _now(), _time()
        wire = self._wire
        body = wire.read_body(request.body)
        if isinstance(body, Refusal):
            return wire.refused(packed(request.headers) or body)
        hints, onward = split(request.headers, request.key)
        chosen = plan(self._serving(), body, hints, now)
        if isinstance(chosen, Refusal):
            return wire.refused(chosen)
        if self._log.refuses:
            return wire.refused(REFUSAL, RETRY)
        chosen = self._versions.plan(self._conversations.plan(chosen, body, hints, now))
        trace = self._tracing.begin(onward) if self._tracing else None
        settings = self._settings()
        timeout_s = settings.timeout_s
        id, query = new_call_id(now), path_and_query(request.target)[1]
        call = CallInFlight(
            wire, body, hints, chosen, onward, now, began, timeout_s, id, trace, query
        )
        if body.stream and len(chosen.route.models) > 1:
            return await hold_back(self, call, settings.heartbeat_s)
        return await self.answer(call, await self.settle(call))

    async def route(self, request: Request) -> Reply:
        """What would be done with a request, without asking anybody."""
        body = self._wire.read_body(request.body)
        if isinstance(body, Refusal):
            return self._wire.refused(packed(request.headers) or body)
        hints, _ = split(request.headers, request.key)
        chosen = plan(self._serving(), body, hints, _time())
        if isinstance(chosen, Refusal):
            return self._wire.refused(chosen)
        chosen = self._versions.plan(self._conversations.plan(chosen, body, hints, _time()))
        facts = {
            "task": chosen.task,
            "models": list(chosen.route.models),
            "baseline": chosen.route.baseline,
            "routed": chosen.routed,
            "decision": None if chosen.decision is None else chosen.decision.value,
            "reason": chosen.reason,
            "policy": chosen.policy_digest,
        }
        return Reply(200, (JSON_TYPE,), json_text.encode(facts))

    async def settle(self, call: CallInFlight) -> Outcome:
        """Ask along the route until an answer is accepted. The last model's answer always is, so
        its stream need not be over."""
        route, because = call.plan.route, ""
        try:
            while True:
                used_up = self._escalations.used_up(route, _time())
                step = next_step(route, call.attempts, Limits(call.time_left_s(), used_up))
                if isinstance(step, Accept):
                    return self._accepted(call, step, because)
                exchange = await self._asked(call, step)
                if step.purpose is _ANSWER:
                    because = step.reason
                call.note(exchange)
                if exchange.live is not None:
                    return self._accepted(call, Accept(len(call.attempts) - 1, ""), because)
        except asyncio.CancelledError:
            self._logged(call, call.row(None, status=CLIENT_CLOSED_REQUEST, error=CANCELLED))
            raise
        except Exception as fault:
            failed = fault
        # Not where it is handled: compiled, what is handled there does not outlast a wait.
        error = f"internal error: {type(failed).__name__}"
        await self._written(self._logged(call, call.row(None, status=500, error=error)))
        try:
            raise failed
        finally:
            del failed  # it holds this frame, which holds it

    def _asked(self, call: CallInFlight, step: Ask) -> Awaitable[Exchange]:
        if step.purpose is not _ANSWER:
            about = next(e for e in reversed(call.exchanges) if e.answers)
            return self._asking.second_opinion(call, about)
        route, attempts = call.plan.route, call.attempts
        if is_escalation(attempts):
            self._escalations.begun(route, _time())
        judge = is_judged(route, attempts, step.model)
        return self._asking.ask(call, step.model, judge=judge)

    def _accepted(self, call: CallInFlight, step: Accept, because: str) -> Outcome:
        outcome = _how(call, step, because)
        attempt = call.attempts[outcome.index]
        if attempt.error is None:
            self._conversations.answered(
                call.plan, call.body, call.hints, attempt.model, outcome.decision, call.started_at
            )
        return outcome

    def _logged(self, call: CallInFlight, row: CallRow) -> Ticket | None:
        route = call.plan.route
        for attempt in call.attempts:
            self._versions.see(call.plan, attempt)
        if route.limit is not None:
            spent = escalation_cost_usd(call.attempts)
            self._escalations.paid(route, spent, _time())
        return self._log.add(row)

    async def _written(self, ticket: Ticket | None) -> bool:
        """Whether the reply may be sent: its row is on disk, or need not be."""
        return ticket is None or await self._log.written(ticket)

    async def answer(self, call: CallInFlight, outcome: Outcome) -> Reply:
        """The reply of a call whose headers have not been sent."""
        exchange = outcome.exchange
        said = [*call.early_headers(), *call.decision_headers(outcome)]
        if exchange.live is not None:
            body = self.live(call, outcome, exchange.live)
            return Reply(exchange.status, [*to_client(exchange.headers), *said], body)
        said += call.money_headers()
        if exchange.fault is not None:
            reply = call.wire.refused(exchange.refusal(), [*when_again(exchange.fault), *said])
        else:
            reply = Reply(exchange.status, [*to_client(exchange.headers), *said], exchange.body)
        first_byte_s = call.elapsed_s() if call.body.stream else None
        row = call.row(outcome, status=reply.status, first_byte_s=first_byte_s)
        if await self._written(self._logged(call, row)):
            return reply
        return call.wire.refused(REFUSAL, [*RETRY, *call.early_headers()])

    def live(
        self, call: CallInFlight, outcome: Outcome, live: Live, *, late: bool = False
    ) -> Pushing:
        """A live answer's events. ``late``: the headers went out before the decision, so that it
        too stands in the comment at the end."""
        exchange = outcome.exchange
        first_byte_s = call.elapsed_s()

        def over(error: str | None) -> tuple[bytes, Ticket | None]:
            exchange.attempt = call.attempts[outcome.index] = exchange.end(live, error)
            exchange.kept = live.stream.reader.kept
            row = call.row(outcome, status=exchange.status, first_byte_s=first_byte_s)
            ticket = self._logged(call, row)
            said = call.decision_headers(outcome) if late else []
            return comment([*said, *call.money_headers()]), ticket

        return Relay(exchange, live, call.wire, over, self._written)

    async def held(self, call: CallInFlight, outcome: Outcome) -> bytes:
        """A whole answer as the stream whose headers have been sent already."""
        said = comment([*call.decision_headers(outcome), *call.money_headers()])
        row = call.row(outcome, status=200, first_byte_s=call.elapsed_s())
        if await self._written(self._logged(call, row)):
            return outcome.exchange.as_stream(said, call.wire)
        return call.wire.refused_event(REFUSAL)

    def unsent(self, call: CallInFlight, outcome: Outcome) -> None:
        """Log a call that came to its end when nobody was there any more to hear of it."""
        live = outcome.exchange.live
        if live is not None:
            live.stream.close()
            call.attempts[outcome.index] = outcome.exchange.end(live, CANCELLED)
        self._logged(call, call.row(outcome, status=CLIENT_CLOSED_REQUEST, error=CANCELLED))


def _how(call: CallInFlight, step: Accept, because: str) -> Outcome:
    """``because`` is why the accepted model was asked."""
    plan, attempts, at = call.plan, call.attempts, step.attempt
    route, attempt = plan.route, attempts[at]
    how = plan.decision or decision(route, attempts, at)
    later = overtaken = False
    if len(attempts) > 1:
        later = any(a.purpose is _ANSWER for a in attempts[:at])
        overtaken = any(a.purpose is _ANSWER for a in attempts[at + 1 :])
    if overtaken:
        reason = step.reason
    elif attempt.error is not None:
        reason = f"{because}; {step.reason}" if later and because else step.reason
    elif len(route.models) == 1:
        reason = because if later else plan.reason
    else:
        reason = because if later or how is _DIRECT else step.reason
    if route.unproven and plan.routed:
        reason += "; the route is unproven"
    return Outcome(at, call.exchanges[at], how, reason)
