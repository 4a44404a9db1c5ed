"""Before a cent is spent: how many pairs, how sure they can make us, what they cost at most."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import ndtri

from downroute.money.rates import Rates, cost_usd
from downroute.records import Example, Usage
from downroute.stats.sequential import default_looks


@dataclass(frozen=True, slots=True)
class TaskPlan:
    """``pairs`` is the most that will be measured, ``looks`` where the test may stop earlier.
    ``provable`` is the largest share of pairs that may differ in score and still let a truly
    equal candidate be shown with 80 % power. ``cost_usd`` is the estimate for all pairs of all
    candidates, ``None`` where a price is missing."""

    task: str
    shape: str
    scorer: str
    scorer_reason: str
    pairs: int
    looks: tuple[int, ...]
    provable: float
    cost_usd: float | None
    references: int


def plan_task(
    *,
    task: str,
    shape: str,
    scorer: str,
    scorer_reason: str,
    examples: Sequence[Example],
    rates: Sequence[Rates | None],
    margin: float,
    alpha: float,
) -> TaskPlan:
    """The plan for measuring ``examples`` with each candidate, whose rates are given in order."""
    costs = [estimate_usd(example, rate) for rate in rates for example in examples]
    known = [c for c in costs if c is not None]
    return TaskPlan(
        task=task,
        shape=shape,
        scorer=scorer,
        scorer_reason=scorer_reason,
        pairs=len(examples),
        looks=default_looks(len(examples)) if examples else (),
        provable=provable_discordance(len(examples), margin, alpha=alpha) if examples else 0.0,
        cost_usd=sum(known) if len(known) == len(costs) else None,
        references=sum(e.reference is not None for e in examples),
    )


def estimate_usd(example: Example, rates: Rates | None) -> float | None:
    """What asking for one example will cost if the answer is as long as the baseline's; token
    counts the log does not hold are taken as four characters each."""
    usage = example.baseline_usage
    if usage.input_tokens is None or usage.output_tokens is None:
        written = len(example.baseline_answer.text or "")
        written += sum(len(c.arguments) for c in example.baseline_answer.tool_calls)
        read = len(str(example.request.get("messages"))) + len(str(example.request.get("tools")))
        usage = Usage(input_tokens=read // 4 + 1, output_tokens=written // 4 + 1, estimated=True)
    return cost_usd(usage, rates)


def provable_discordance(pairs: int, margin: float, *, alpha: float, power: float = 0.8) -> float:
    """The largest share of differing pairs at which ``pairs`` pairs show a truly equal candidate
    with this ``power``: the planning formula at gap 0, solved for the discordance."""
    z = float(ndtri(1.0 - alpha) + ndtri(power))
    return min(1.0, pairs * (margin / z) ** 2)


def fewest_pairs(margin: float, *, alpha: float) -> int:
    """The fewest pairs that can ever show the margin: what Tango's test needs where not one pair
    differs."""
    z = float(ndtri(1.0 - alpha))
    return math.floor(z * z * (1.0 - margin) / margin) + 1
