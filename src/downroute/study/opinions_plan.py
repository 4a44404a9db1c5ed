"""What second opinions may cost at most, before anything is asked. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from downroute.answers.self_check import self_check_usage
from downroute.money.rates import Rates, cost_usd
from downroute.records import Example, Purpose
from downroute.study.plan import OpinionPlan, TaskPlan, estimate_usd
from downroute.study.settings import StudySettings


def with_opinions(
    plan: TaskPlan,
    examples: Sequence[Example],
    question: StudySettings,
    rates: Callable[[str], Rates | None],
) -> TaskPlan:
    """``plan`` with what second opinions on ``examples`` would take. They are asked only where a
    cascade is looked for, and are in no other figure of the plan."""
    found = []
    if question.self_check:
        for candidate in question.candidates:
            costs = [
                cost_usd(self_check_usage(e.baseline_usage), rates(candidate)) for e in examples
            ]
            found.append(_plan(Purpose.SELF_CHECK, question.model_of(candidate), costs))
    if question.helper is not None:
        costs = [estimate_usd(e, rates(question.helper)) for e in examples]
        found.append(_plan(Purpose.HELPER, question.helper, costs))
    return replace(plan, opinions=tuple(found))


def _plan(purpose: Purpose, model: str, costs: Sequence[float | None]) -> OpinionPlan:
    known = [c for c in costs if c is not None]
    return OpinionPlan(
        purpose.value, model, len(costs), sum(known) if len(known) == len(costs) else None
    )
