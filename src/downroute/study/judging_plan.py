"""What a judge adds to a task's plan. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from downroute.config import JudgeSettings
from downroute.money.rates import Rates
from downroute.records import Example
from downroute.scoring.judge import Alone, Pairwise
from downroute.study.judging import estimated_usd
from downroute.study.plan import JudgingPlan, TaskPlan


def with_judge(
    plan: TaskPlan,
    scorer: Alone | Pairwise,
    examples: Sequence[Example],
    rates: Rates | None,
    judge: JudgeSettings,
    candidates: int,
) -> TaskPlan:
    """``plan`` with two calls to the judge for each pair of each candidate, those of repeats on
    top."""
    calls = round(2 * len(examples) * (1 + judge.repeats)) * candidates
    once = estimated_usd(scorer, examples, rates, judge.repeats)
    cost = None if once is None else once * candidates
    whole = None if cost is None or plan.cost_usd is None else plan.cost_usd + cost
    labels = min(judge.labels, len(examples))
    judging = JudgingPlan(judge.model or "", calls, cost, labels)
    return replace(plan, cost_usd=whole, judging=judging, labels=labels)
