"""PURE: a share over time, in buckets, with its trend where there is one."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

from downroute.reports.escalation_values import Bucket, Course
from downroute.stats.proportion import trend_z, two_sided, wilson

MOST_BUCKETS = 30
FEWEST_CALLS = 100
"""Calls and, below, buckets under which no trend is looked for."""
FEWEST_BUCKETS = 4
ALPHA = 0.05

_WIDTHS = (60, 300, 900, 3_600, 10_800, 21_600, 86_400, 604_800, 2_419_200)

Judged = tuple[float, bool, str | None]
"""When (Unix seconds), whether it was escalated, under which policy."""


def course(judged: Sequence[Judged], tasks: int = 1) -> Course:
    """Calls in the order of their time as a course; ``tasks`` are looked at together, so that
    one of them shows a trend by chance in 5 % of reports."""
    if not judged:
        return Course((), None, None, ())
    found = _buckets(judged)
    z = _trend(found)
    p = None if z is None else min(1.0, two_sided(z) * tasks)
    trend = None
    if z is not None and p is not None and p <= ALPHA:
        trend = "rising" if z > 0 else "falling"
    return Course(found, trend, p, _policies(judged))


def _buckets(judged: Sequence[Judged]) -> tuple[Bucket, ...]:
    first, last = judged[0][0], judged[-1][0]
    fitting = (w for w in _WIDTHS if last // w - first // w < MOST_BUCKETS)
    width = next(fitting, math.ceil((last - first + 1) / MOST_BUCKETS))
    counted: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for at, escalated, _ in judged:
        cell = counted[int(at // width)]
        cell[0] += 1
        cell[1] += escalated
    return tuple(
        Bucket(float(i * width), float((i + 1) * width), n, k, wilson(k, n))
        for i, (n, k) in sorted(counted.items())
    )


def _trend(buckets: Sequence[Bucket]) -> float | None:
    """Cochran and Armitage's z, made smaller where buckets differ more than calls alone would:
    traffic comes in waves, and a wave is no trend."""
    of, hits = [b.calls for b in buckets], [b.escalated for b in buckets]
    if len(buckets) < FEWEST_BUCKETS or sum(of) < FEWEST_CALLS or sum(hits) in (0, sum(of)):
        return None
    z = trend_z(hits, of)
    share = sum(hits) / sum(of)
    spread = share * (1 - share)
    scatter = sum((h - share * n) ** 2 / (n * spread) for h, n in zip(hits, of, strict=True))
    beyond = (scatter - z * z) / (len(buckets) - 2)
    return z / math.sqrt(max(beyond, 1.0))


def _policies(judged: Sequence[Judged]) -> tuple[tuple[str, int, float], ...]:
    counted: dict[str, list[int]] = {}
    for _, escalated, policy in judged:
        if policy is not None:
            cell = counted.setdefault(policy, [0, 0])
            cell[0] += 1
            cell[1] += escalated
    return tuple((name, n, k / n) for name, (n, k) in counted.items())
