"""What a task's route saves, from measured costs. Pure.

Both models' costs are means over the same examples. The interval is the delta method's for a
ratio of paired means at 95 %; the measuring cost is spread over what the verdict is good for.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from downroute.money.savings import RouteCost

EVIDENCE_DAYS = 90
"""How long a verdict is good for; the measuring cost is spread over this."""

DAYS_PER_MONTH = 30.4375
Z_95 = 1.959964


@dataclass(frozen=True, slots=True)
class Saving:
    """``share`` of the baseline's cost, net of measuring; ``month_usd`` is an interval, ``None``
    where nobody knows how many calls a month there are."""

    share: float
    share_low: float
    share_high: float
    month_usd: tuple[float, float] | None
    baseline_usd: float
    candidate_usd: float


def saving(
    baseline_usd: Sequence[float | None],
    candidate_usd: Sequence[float | None],
    measuring_usd: float,
    calls_per_month: float | None,
) -> Saving | None:
    """The saving of sending everything to the candidate; ``None`` where costs are not known.

    The two sequences hold the cost of the same examples, call by call, in USD.
    """
    priced = [
        (b, c)
        for b, c in zip(baseline_usd, candidate_usd, strict=True)
        if b is not None and c is not None
    ]
    n = len(priced)
    mean_b = sum(b for b, _ in priced) / n if n else 0.0
    mean_c = sum(c for _, c in priced) / n if n else 0.0
    if mean_b <= 0:
        return None
    ratio = mean_c / mean_b
    spread = 0.0
    if n > 1:
        residual = sum((c - ratio * b) ** 2 for b, c in priced) / (n - 1)
        spread = Z_95 * math.sqrt(residual / n) / mean_b
    requests = None
    if calls_per_month is not None:
        requests = calls_per_month * EVIDENCE_DAYS / DAYS_PER_MONTH
    cost = RouteCost(mean_b, mean_c, measuring_usd=measuring_usd, requests=requests)
    share = cost.saving_share()
    month = None
    if calls_per_month is not None:
        whole = mean_b * calls_per_month
        month = ((share - spread) * whole, (share + spread) * whole)
    return Saving(share, share - spread, share + spread, month, mean_b, mean_c)


def saving_of(
    baseline_usd: Iterable[float], route_usd: Iterable[float], calls_per_month: float | None
) -> Saving | None:
    """The saving of a route that costs ``route_usd``, call by call; NaN = not known. What it cost
    to measure is left to the saving of the candidate."""

    def known(costs: Iterable[float]) -> list[float | None]:
        return [float(c) if math.isfinite(c) else None for c in costs]

    return saving(known(baseline_usd), known(route_usd), 0.0, calls_per_month)
