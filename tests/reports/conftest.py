"""A made-up afternoon at the gateway: calls of every kind, with costs that can be added up."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from downroute.records import Attempt, Call, Decision, Policy, Purpose, Usage
from downroute.routing.policy import read_policy

PRICES = {"large": (2e-6, 8e-6), "small": (1e-7, 4e-7), "other": (1e-6, 2e-6)}
"""USD per input and output token."""

POLICY = """
version: 1
routes:
  - task: triage
    models: [small, large]
    checks: [not_empty]
    evidence: {study: s/1, examples: 400, mean_cost_usd: {large: 0.004, small: 0.0002}}
  - task: sums
    models: [small]
    baseline: large
    unproven: true
  - task: law
    models: [large]
    evidence: {study: s/2, examples: 300, mean_cost_usd: {large: 0.01, small: 0.0005}}
"""

MakeCall = Callable[..., Call]


@pytest.fixture
def policy_text() -> str:
    return POLICY


@pytest.fixture
def policy(policy_text: str) -> Policy:
    return read_policy(policy_text)


@pytest.fixture
def make_call(policy: Policy) -> MakeCall:
    """A gateway call: ``make(task, decision, [("small", 900, 50), ("large", 900, 60)])``."""
    numbers = itertools.count()

    def make(
        task: str | None, decision: Decision | None, asked: Sequence[Any], **facts: Any
    ) -> Call:
        attempts = tuple(a if isinstance(a, Attempt) else attempt(*a) for a in asked)
        known: dict[str, Any] = {
            "source": "gateway",
            "model": attempts[-1].model,
            "fingerprint": "f" * 12,
            "task": task,
            "requested_model": "large",
            "started_at": 1_700_000_000.0 + next(numbers),
            "status": 200,
            "policy_digest": policy.digest,
            **facts,
        }
        costs = [a.cost_usd for a in attempts]
        total = None if None in costs else sum(c for c in costs if c is not None)
        return Call(
            id=str(next(numbers)), decision=decision, attempts=attempts, cost_usd=total, **known
        )

    return make


def attempt(model: str, read: int | None, written: int | None, **facts: Any) -> Attempt:
    usage = Usage(read, written)
    cost = None
    if model in PRICES and read is not None and written is not None:
        cost = read * PRICES[model][0] + written * PRICES[model][1]
    return Attempt(model=model, **{"status": 200, "usage": usage, "cost_usd": cost, **facts})


@pytest.fixture
def afternoon(make_call: MakeCall) -> list[Call]:
    """600 seeded calls over all tasks and decisions, some of them failed, unpriced or shadowed."""
    draw = random.Random(7)

    def answer(model: str, **facts: Any) -> Attempt:
        return attempt(model, draw.randrange(50, 4000), draw.randrange(1, 900), **facts)

    broken = Attempt("small", status=503, error="status 503")
    cut = Attempt("small", error="the connection was cut")
    kinds: list[Callable[[], Call]] = [
        lambda: make_call("triage", Decision.ACCEPTED, [answer("small")]),
        lambda: make_call("triage", Decision.ESCALATED, [answer("small"), answer("large")]),
        lambda: make_call("triage", Decision.FALLBACK, [broken, answer("large")]),
        lambda: make_call("triage", Decision.FALLBACK, [cut, answer("large")]),
        lambda: make_call("triage", Decision.BYPASSED, [answer("large")]),
        lambda: make_call(
            "triage", Decision.ACCEPTED, [answer("small"), answer("large", purpose=Purpose.SHADOW)]
        ),
        lambda: make_call("sums", Decision.DIRECT, [answer("small")]),
        lambda: make_call("law", Decision.DIRECT, [answer("large")]),
        lambda: make_call(None, Decision.PASSTHROUGH, [answer("other")], requested_model="other"),
        lambda: make_call(None, Decision.OBSERVED, [answer("large")], policy_digest=None),
        lambda: make_call(
            None, Decision.PASSTHROUGH, [attempt("mystery", 10, 10)], requested_model="mystery"
        ),
        lambda: make_call("triage", Decision.ACCEPTED, [attempt("small", None, None)]),
    ]
    return [draw.choice(kinds)() for _ in range(600)]
