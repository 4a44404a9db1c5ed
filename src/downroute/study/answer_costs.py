"""What an answer costs on the mean, retries counted. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from downroute.records import Example, Measurement
from downroute.study.pairs import Pair


def mean_costs(
    pairs: Sequence[Pair], examples: Mapping[str, Example], measured: Sequence[Measurement]
) -> tuple[float | None, float | None]:
    """USD per answer of the baseline and of the candidate over ``pairs`` that could be scored, each
    counted by its weight; ``None`` where no cost is known."""
    counted = [p for p in pairs if p.unscored is None]
    answers = {m.example_id: m for m in measured}
    first = [(p.weight, examples[p.example_id].baseline_cost_usd) for p in counted]
    second = [(p.weight, paid_usd(answers.get(p.example_id))) for p in counted]
    return _mean(first), _mean(second)


def paid_usd(measured: Measurement | None) -> float | None:
    """What one answer cost, the mean over repeats. A try that broke off before it is taken to have
    cost as much; one answered with an error costs nothing."""
    if measured is None:
        return None
    asked = (measured, *measured.more)
    known = [m.cost_usd * (1 + m.unanswered) for m in asked if m.cost_usd is not None]
    return sum(known) / len(asked) if len(known) == len(asked) else None


def _mean(costs: Sequence[tuple[float, float | None]]) -> float | None:
    known = [(weight, cost) for weight, cost in costs if cost is not None]
    total = sum(weight for weight, _ in known)
    return sum(weight * cost for weight, cost in known) / total if total else None
