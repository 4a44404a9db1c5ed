"""One call on its way through the gateway: what was asked so far, and how it came out."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

from downroute.gateway.call_row import SOURCE, CallRow, total_cost_usd
from downroute.gateway.exchange import Exchange, Outcome
from downroute.gateway.headers import OWN, Hints, safe
from downroute.gateway.message import Headers
from downroute.gateway.plan import Plan
from downroute.gateway.telemetry.trace_context import Trace
from downroute.gateway.wire import Body, Kept, Wire
from downroute.records import UNKNOWN_USAGE, Attempt, Call, Decision, Purpose, Route
from downroute.remembered import Remembered

CANCELLED = "cancelled"
"""The error of a call whose client went away, or that was under way when the gateway stopped."""
CLIENT_CLOSED_REQUEST = 499

_now: Final = time.perf_counter
_CALL_ID: Final = f"{OWN}call-id"
_TASK: Final = f"{OWN}task"
_POLICY: Final = f"{OWN}policy"
_MODEL: Final = f"{OWN}model"
_DECISION: Final = f"{OWN}decision"
_REASON: Final = f"{OWN}reason"
_RETRIES: Final = f"{OWN}retries"
_COST_USD: Final = f"{OWN}cost-usd"
_SAVED_USD: Final = f"{OWN}saved-usd"
_SAID: Final = {decision: decision.value for decision in Decision}


class CallInFlight:
    """``onward`` are the client's headers for the upstream, ``query`` is that of the address it
    asked at, ``began`` is on the clock of ``time.perf_counter``, ``started_at`` in Unix seconds."""

    __slots__ = (
        *("attempts", "began", "body", "exchanges", "hints", "id", "onward", "plan", "query"),
        *("started_at", "timeout_s", "trace", "wire"),
    )

    def __init__(
        self,
        wire: Wire,
        body: Body,
        hints: Hints,
        plan: Plan,
        onward: Headers,
        started_at: float,
        began: float,
        timeout_s: float,
        id: str,
        trace: Trace | None = None,
        query: str = "",
    ) -> None:
        self.wire = wire
        self.body = body
        self.hints = hints
        self.plan = plan
        self.onward = onward
        self.started_at = started_at
        self.began = began
        self.timeout_s = timeout_s
        self.id = id
        self.trace = trace
        self.query = query
        self.attempts: list[Attempt] = []
        self.exchanges: list[Exchange] = []

    def note(self, exchange: Exchange) -> None:
        """Something that came of asking; the latest one last."""
        self.exchanges.append(exchange)
        self.attempts.append(exchange.attempt)

    def elapsed_s(self) -> float:
        return _now() - self.began

    def time_left_s(self) -> float:
        return self.timeout_s - self.elapsed_s()

    def early_headers(self) -> list[tuple[str, str]]:
        """What can be said before the answer is decided."""
        said = [(_CALL_ID, self.id)]
        if self.plan.task is not None:
            said.append((_TASK, safe(self.plan.task)))
        if self.plan.policy_digest is not None:
            said.append((_POLICY, self.plan.policy_digest))
        return said

    def decision_headers(self, outcome: Outcome) -> list[tuple[str, str]]:
        said = [
            (_MODEL, safe(outcome.exchange.attempt.model)),
            (_DECISION, _SAID[outcome.decision]),
            (_REASON, safe(outcome.reason)),
        ]
        if len(self.attempts) > 1 and (retries := self._retries):
            said.append((_RETRIES, str(retries)))
        return said

    @property
    def _retries(self) -> int:
        """How often some model had to be asked again."""
        return sum(attempt.purpose is Purpose.RETRIED for attempt in self.attempts)

    def money_headers(self) -> list[tuple[str, str]]:
        """What the call cost and about what it saved, as far as that is known."""
        cost = total_cost_usd(self.attempts)
        if cost is None:
            return []
        said = [(_COST_USD, _nano(cost))]
        usual = self._usual_usd
        if usual is not None:
            said.append((_SAVED_USD, _nano(usual - cost)))
        return said

    @property
    def _usual_usd(self) -> float | None:
        """What the baseline would cost on average, where the route asks anybody else: else there
        is nothing to save."""
        return _usual_cost_usd(self.plan.route) if self.plan.routed else None

    def row(
        self,
        outcome: Outcome | None,
        *,
        status: int,
        error: str | None = None,
        first_byte_s: float | None = None,
    ) -> CallRow:
        """The call for the log; ``outcome`` is ``None`` where it ended before there was one."""
        last = self.attempts[-1] if self.attempts else Attempt(self.plan.route.models[0])
        attempt = self.attempts[outcome.index] if outcome else last
        call = Call(
            id=self.id,
            source=SOURCE,
            model=attempt.model,
            task=self.plan.task,
            requested_model=self.body.model,
            snapshot=attempt.snapshot,
            started_at=self.started_at,
            latency_s=self.elapsed_s(),
            first_byte_s=first_byte_s,
            usage=attempt.usage if outcome else UNKNOWN_USAGE,
            status=status,
            error=error or attempt.error,
            stream=self.body.stream,
            decision=outcome.decision if outcome else self.plan.decision,
            reason=outcome.reason if outcome else self.plan.reason,
            policy_digest=self.plan.policy_digest,
            session=self.hints.session,
            request_id=self.hints.request_id,
            key_name=self.hints.key_name,
            attempts=tuple(self.attempts),
        )
        sent = outcome.index if outcome else None
        others: tuple[tuple[int, Kept], ...] = ()
        if len(self.exchanges) > 1:
            others = tuple(
                (index, exchange.kept)
                for index, exchange in enumerate(self.exchanges)
                if index != sent and exchange.kept is not None
            )
        kept = outcome.exchange.kept if outcome else None
        return CallRow(call, self.wire, self.body, kept, others, self.trace, self._usual_usd)


def _nano(usd: float) -> str:
    return "%.9f" % usd  # noqa: UP031 - much faster once compiled


def _cost_where_moved_usd(route: Route) -> float | None:
    moved = any(model != route.baseline for model in route.models)
    return mean_baseline_cost_usd(route) if moved else None


_usual_cost_usd: Final = Remembered(_cost_where_moved_usd)


def mean_baseline_cost_usd(route: Route) -> float | None:
    """What a request of this route costs on its baseline, by its evidence."""
    means = (route.evidence or {}).get("mean_cost_usd")
    found = means.get(route.baseline) if isinstance(means, Mapping) else None
    return float(found) if isinstance(found, (int, float)) else None
