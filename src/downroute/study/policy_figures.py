"""What two policies come to on the same requests, in figures. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from downroute.records import Decision
from downroute.stats.interval import Interval
from downroute.stats.proportion import Z_95, wilson
from downroute.study.look import Rules, Scores
from downroute.study.policy_test import Both, Outcome, known, total

Z_95_ONE_SIDED = 1.644854


@dataclass(frozen=True, slots=True)
class Figures:
    """One policy on the requests that both were followed on. ``quality`` is the mean score over
    the ``scored`` requests, ``escalation`` the share among requests on routes that can escalate;
    times in seconds over the requests whose latencies are known."""

    calls: int
    decisions: Mapping[str, int]
    scored: int
    quality: float | None
    quality_interval: Interval | None
    cost_usd: float | None
    unpriced: int
    escalation: float | None
    escalation_interval: Interval | None
    timed: int
    latency_p50_s: float | None
    latency_p95_s: float | None


@dataclass(frozen=True, slots=True)
class Compared:
    """The tested policy beside another one. ``gap`` is the other's mean score minus the tested
    one's, with the one-sided 95 % bounds that verdicts use; ``None`` where nothing is scored.
    ``changed`` counts requests that get another answer. ``saving_share`` is of the other's cost,
    with a 95 % interval from the paired costs."""

    pairs: int
    gap: Interval | None
    changed: int
    saving_usd: float | None
    saving_share: Interval | None


def figures(outcomes: Sequence[Outcome]) -> Figures:
    """``outcomes`` in figures."""
    scores = known(o.score for o in outcomes)
    cascaded = [o for o in outcomes if o.cascaded]
    escalated = sum(o.decision is Decision.ESCALATED for o in cascaded)
    times = sorted(known(o.latency_s for o in outcomes))
    return Figures(
        calls=len(outcomes),
        decisions=dict(Counter(o.decision.value for o in outcomes)),
        scored=len(scores),
        quality=_mean(scores),
        quality_interval=_mean_interval(scores),
        cost_usd=total(outcomes),
        unpriced=sum(o.cost_usd is None for o in outcomes),
        escalation=escalated / len(cascaded) if cascaded else None,
        escalation_interval=wilson(escalated, len(cascaded)) if cascaded else None,
        timed=len(times),
        latency_p50_s=_quantile(times, 0.5),
        latency_p95_s=_quantile(times, 0.95),
    )


def compared(both: Both, alpha: float = 0.05) -> Compared:
    """The first policy beside the second."""
    tested, other = both.scores()
    rules = Rules(margin=0.05, alpha=alpha, schedule=(max(len(tested), 1),))
    scores = Scores(tuple(other), tuple(tested))
    saved, share = _saving(both)
    return Compared(
        pairs=len(tested),
        gap=scores.interval(Z_95_ONE_SIDED, rules) if tested else None,
        changed=sum(a.said != b.said for a, b in zip(both.first, both.second, strict=True)),
        saving_usd=saved,
        saving_share=share,
    )


def _saving(both: Both) -> tuple[float | None, Interval | None]:
    """What the first policy saves of the second's cost, over requests with both costs known; the
    interval is the delta method's for a ratio of paired means."""
    pairs = [
        (a.cost_usd, b.cost_usd)
        for a, b in zip(both.first, both.second, strict=True)
        if a.cost_usd is not None and b.cost_usd is not None
    ]
    n = len(pairs)
    spent, usual = sum(a for a, _ in pairs), sum(b for _, b in pairs)
    if not n or usual <= 0:
        return None, None
    ratio = spent / usual
    spread = math.inf
    if n > 1:
        residual = sum((a - ratio * b) ** 2 for a, b in pairs) / (n - 1)
        spread = Z_95 * math.sqrt(residual / n) / (usual / n)
    return usual - spent, Interval(1 - ratio, 1 - ratio - spread, 1 - ratio + spread)


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _mean_interval(values: Sequence[float]) -> Interval | None:
    n = len(values)
    if not n:
        return None
    if all(v in (0.0, 1.0) for v in values):
        return wilson(round(sum(values)), n)
    mean = sum(values) / n
    if n == 1:
        return Interval(mean, 0.0, 1.0)
    spread = Z_95 * math.sqrt(sum((v - mean) ** 2 for v in values) / (n - 1) / n)
    return Interval(mean, max(mean - spread, 0.0), min(mean + spread, 1.0))


def _quantile(ascending: Sequence[float], share: float) -> float | None:
    if not ascending:
        return None
    return ascending[min(len(ascending) - 1, math.ceil(share * len(ascending)) - 1)]
