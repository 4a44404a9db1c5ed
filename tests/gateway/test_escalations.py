"""Limits of escalation: counted on a clock that is an argument, and served."""

from __future__ import annotations

import pytest

from downroute.gateway.escalations import Escalations, escalation_cost_usd
from downroute.records import Attempt, EscalationLimit, Purpose, Route

from .running import Start
from .test_chat import CASCADE, small_fails_on_crashes
from .upstream import Upstream, chat_body

MIDNIGHT = 20_000 * 86_400.0


def limited(**limits: float) -> Route:
    return Route("t", ("small", "large"), "large", limit=EscalationLimit(**limits))  # type: ignore[arg-type]


def test_a_minute_s_escalations_are_free_again_sixty_seconds_later() -> None:
    counted, route = Escalations(), limited(per_minute=2)
    counted.begun(route, 0.0)
    assert counted.used_up(route, 1.0) is None
    counted.begun(route, 30.0)
    assert counted.used_up(route, 59.0) == "the 2 escalations a minute are used up"
    assert counted.used_up(route, 60.0) is None


def test_a_day_ends_at_midnight_utc() -> None:
    counted, route = Escalations(), limited(per_day=1, per_day_usd=0.5)
    counted.begun(route, MIDNIGHT - 1)
    assert counted.used_up(route, MIDNIGHT - 1) == "the 1 escalations a day are used up"
    assert counted.used_up(route, MIDNIGHT) is None
    counted.paid(route, 0.25, MIDNIGHT)
    assert counted.used_up(route, MIDNIGHT) is None
    counted.paid(route, 0.25, MIDNIGHT)
    assert str(counted.used_up(route, MIDNIGHT)).startswith("the 0.5 USD a day")


def test_routes_are_counted_apart_and_those_without_a_limit_not_at_all() -> None:
    counted, route = Escalations(), limited(per_minute=0)
    assert counted.used_up(route, 0.0) is not None
    free = Route("t", ("small", "large"), "large")
    counted.begun(free, 0.0)
    assert counted.used_up(free, 0.0) is None
    other = Route("u", ("small", "large"), "large", limit=EscalationLimit(per_minute=1))
    counted.begun(other, 0.0)
    assert counted.used_up(limited(per_minute=1), 0.0) is None


def test_only_answers_escalated_to_cost_an_escalation() -> None:
    def attempt(cost_usd: float, **facts: object) -> Attempt:
        return Attempt("m", cost_usd=cost_usd, **facts)  # type: ignore[arg-type]

    check = attempt(1.0, purpose=Purpose.SELF_CHECK)
    assert escalation_cost_usd([attempt(1.0), check, attempt(10.0)]) == 10.0
    assert escalation_cost_usd([attempt(1.0, error="503"), attempt(10.0)]) == 0.0
    assert escalation_cost_usd([attempt(1.0), check]) == 0.0


@pytest.mark.parametrize(
    ("then", "decision", "model", "reason"),
    [
        ("accept", "accepted", "small", "unverified: check one_of failed; the 1 escalations a day"),
        ("baseline", "direct", "large", "straight to the baseline: the 1 escalations a day"),
    ],
)
def test_beyond_its_limit_a_route_degrades_as_it_says_and_says_so(
    start: Start, upstream: Upstream, then: str, decision: str, model: str, reason: str
) -> None:
    limit = f"    limit: {{per_day: 1, then: {then}}}\n"
    gateway = start(CASCADE + limit)
    upstream.answer = small_fails_on_crashes
    assert gateway.chat(chat_body("it crashes"), "triage").said("decision") == "escalated"
    got = gateway.chat(chat_body("it crashes"), "triage")
    assert (got.status, got.said("decision"), got.said("model")) == (200, decision, model)
    assert str(got.said("reason")).startswith(reason)
    fine = gateway.chat(chat_body("fine"), "triage")
    assert fine.said("model") == ("small" if then == "accept" else "large")
