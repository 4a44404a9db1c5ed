"""What a group's calls would have cost, and how long they would have taken, had they gone straight
to the baseline.

An escalated call tells that itself: the baseline answered it. An accepted one does not; the
baseline's cost of it is estimated from its cheaper answer, as on calls where both are known.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from downroute.reports.escalation_values import Effect, Ending, JudgedCall
from downroute.stats.interval import Interval

Values = NDArray[np.float64]

FEWEST = 20
"""Calls with both costs known, below which nothing is estimated."""
LEVEL = 0.975


@dataclass(frozen=True, slots=True)
class _Known:
    """Calls by what their cheaper answer cost, its tokens in and out, and the baseline's cost."""

    usd: Values
    tokens: Values
    baseline: Values


def straight_to_baseline(group: Sequence[JudgedCall], task: Sequence[JudgedCall]) -> Effect:
    """The effect on the calls of ``group``. Both costs of other calls of its ``task`` are looked
    at where the group has too few of its own."""
    escalated = [c for c in group if c.ending is Ending.ESCALATED]
    pairs = [
        (c.baseline_usd, c.spent_usd)
        for c in escalated
        if c.baseline_usd is not None and c.spent_usd is not None
    ]
    unasked = [c for c in group if c.baseline_usd is None]
    basis = _both_costs(group) if len(_both_costs(group)) >= FEWEST else _both_costs(task)
    return Effect(
        measured=len(pairs),
        measured_usd=math.fsum(b - s for b, s in pairs) if pairs else None,
        total_usd=_total(group, unasked, basis),
        estimated=len(unasked),
        basis=len(basis),
        faster_s=_faster(escalated),
        escalations=len(escalated),
    )


def _both_costs(calls: Sequence[JudgedCall]) -> list[JudgedCall]:
    return [c for c in calls if c.candidate_usd and c.baseline_usd is not None]


def _total(
    group: Sequence[JudgedCall], unasked: Sequence[JudgedCall], basis: Sequence[JudgedCall]
) -> Interval | None:
    """Over all calls of the group, with a 95 % prediction interval where some are estimated."""
    spent = [c.spent_usd for c in group]
    if None in spent or not all(c.candidate_usd for c in unasked):
        return None
    asked = math.fsum(c.baseline_usd for c in group if c.baseline_usd is not None)
    known = asked - math.fsum(s for s in spent if s is not None)
    if not unasked:
        return Interval(known, known, known)
    if len(basis) < FEWEST:
        return None
    # Which calls are escalated depends on their answers, so the two kinds differ, perhaps in
    # lengths that no escalated call has. The interval holds whether the baseline's cost grows
    # with the cheaper answer's in proportion, along the fitted line, or not at all.
    pair = _known(basis), _known(unasked)
    ways = (_by_line(*pair), _by_ratio(*pair), _by_mean(*pair))
    low, high = max(min(w.low for w in ways), 0.0), max(w.high for w in ways)
    middle = max(statistics.median(w.estimate for w in ways), low)
    return Interval(known + middle, known + low, known + high)


def _known(calls: Sequence[JudgedCall]) -> _Known:
    usage = [c.candidate_usage for c in calls]
    return _Known(
        np.array([c.candidate_usd or 0.0 for c in calls]),
        np.array([[1.0, u.input_tokens or 0, u.output_tokens or 0] for u in usage]),
        np.array([c.baseline_usd or 0.0 for c in calls]),
    )


def _by_line(basis: _Known, wanted: _Known) -> Interval:
    """The baseline's summed cost of ``wanted``, linear in the cheaper answer's tokens."""
    scale = np.maximum(np.abs(basis.tokens).max(axis=0), 1.0)
    rows, ask = basis.tokens / scale, (wanted.tokens / scale).sum(axis=0)
    weights, _, rank, _ = np.linalg.lstsq(rows, basis.baseline, rcond=None)
    left = len(rows) - int(rank)
    variance = float(np.sum((basis.baseline - rows @ weights) ** 2)) / left
    leverage = float(ask @ np.linalg.pinv(rows.T @ rows) @ ask)
    spread = float(t.ppf(LEVEL, left)) * math.sqrt(variance * (leverage + len(wanted.usd)))
    estimate = float(ask @ weights)
    return Interval(estimate, estimate - spread, estimate + spread)


def _by_ratio(basis: _Known, wanted: _Known) -> Interval:
    """The same by the ratio of the summed costs; a cost scatters about it the more the higher it
    is."""
    x, asked = float(basis.usd.sum()), float(wanted.usd.sum())
    ratio = float(basis.baseline.sum()) / x
    left = len(basis.usd) - 1
    variance = float(np.sum((basis.baseline - ratio * basis.usd) ** 2 / basis.usd)) / left
    spread = float(t.ppf(LEVEL, left)) * math.sqrt(variance * (asked**2 / x + asked))
    return Interval(ratio * asked, ratio * asked - spread, ratio * asked + spread)


def _by_mean(basis: _Known, wanted: _Known) -> Interval:
    """The same where each costs what the known ones cost on average."""
    n, asked = len(basis.usd), len(wanted.usd)
    estimate = asked * float(basis.baseline.mean())
    variance = float(basis.baseline.var(ddof=1))
    spread = float(t.ppf(LEVEL, n - 1)) * math.sqrt(variance * (asked**2 / n + asked))
    return Interval(estimate, estimate - spread, estimate + spread)


def _faster(escalated: Sequence[JudgedCall]) -> Interval | None:
    saved = [
        c.latency_s - c.baseline_s
        for c in escalated
        if c.latency_s is not None and c.baseline_s is not None
    ]
    n = len(saved)
    if n < 2:
        return None
    mean = math.fsum(saved) / n
    variance = math.fsum((s - mean) ** 2 for s in saved) / (n - 1)
    spread = float(t.ppf(LEVEL, n - 1)) * math.sqrt(variance / n)
    return Interval(mean, mean - spread, mean + spread)
