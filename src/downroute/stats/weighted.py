"""The gap where pairs do not all stand for equally many calls.

Frequent requests that were taken *for certain* are no sample: their share of the gap is known, and
the test is of the rest against what is left of the margin. Where the rest is weighted unevenly, it
counts as so many pairs as an even sample of the same precision would have (Kish 1965; for 0/1
scores also the variance actually seen, as Korn & Graubard 1998 do, whichever is fewer).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from downroute.stats.interval import Interval
from downroute.stats.noninferiority import tango_interval, tango_z

Array = NDArray[np.float64]
_EDGE = 1e-6


@dataclass(frozen=True, slots=True)
class Split:
    """Scores of shape (n,) of the requests that were sampled, with their weights, and what the
    others are known to add: ``known_gap`` + ``share`` · (the gap of the sampled) is the gap."""

    baseline: Array
    candidate: Array
    weights: Array
    known_gap: float
    share: float


def split(
    baseline: ArrayLike, candidate: ArrayLike, weights: ArrayLike, certain: ArrayLike
) -> Split:
    """The two parts of so many pairs. ``weights`` > 0; ``certain`` marks what was no sample."""
    base, cand = np.asarray(baseline, np.float64), np.asarray(candidate, np.float64)
    weight, sure = np.asarray(weights, np.float64), np.asarray(certain, bool)
    shares = weight / weight.sum()
    known = float((shares * (base - cand))[sure].sum())
    rest = ~sure
    return Split(base[rest], cand[rest], weight[rest], known, float(shares[rest].sum()))


def effective(differences: Array, weights: Array) -> float:
    """How many evenly weighted pairs are as precise as these."""
    shares = weights / weights.sum()
    kish = 1.0 / float((shares**2).sum())
    away = (differences - float((shares * differences).sum())) ** 2
    spread = float((shares * away).sum())
    seen = float((shares**2 * away).sum())
    return min(kish, spread / seen) if seen > 0.0 else kish


def effective_counts(parts: Split) -> tuple[float, float, float]:
    """(only baseline right, only candidate right, pairs) of 0/1 scores, as an even sample of the
    same precision would have them."""
    differences = parts.baseline - parts.candidate
    pairs = effective(differences, parts.weights)
    shares = parts.weights / parts.weights.sum()
    return (
        pairs * float((shares * np.maximum(differences, 0.0)).sum()),
        pairs * float((shares * np.maximum(-differences, 0.0)).sum()),
        pairs,
    )


def binary_interval(parts: Split, z_crit: float) -> Interval:
    """The gap of 0/1 scores, by Tango's test of the sampled part."""
    if not len(parts.weights):
        return _unseen(parts)
    b, c, n = effective_counts(parts)
    return _placed(parts, (b - c) / n, *tango_interval(b, c, n, z_crit))


def binary_z(parts: Split, margin: float) -> float:
    """Tango's statistic of "the gap is ``margin`` or more"."""
    if not len(parts.weights) or parts.share <= 0.0:
        return 0.0
    left = (margin - parts.known_gap) / parts.share
    return tango_z(*effective_counts(parts), min(max(left, _EDGE - 1.0), 1.0 - _EDGE))


def graded_interval(parts: Split, bounds: Callable[[Array, Array], Interval]) -> Interval:
    """The gap of graded scores; ``bounds`` gives it for evenly weighted scores in [0, 1].

    Weighting a pair is scaling its scores: their plain mean is then the weighted one, and divided
    by the largest weight they stay in [0, 1], so that bounds that need a range still hold.
    """
    if not len(parts.weights):
        return _unseen(parts)
    relative = parts.weights / parts.weights.mean()
    largest = float(relative.max())
    scale = relative / largest
    found = bounds(parts.baseline * scale, parts.candidate * scale)
    return _placed(parts, found.estimate * largest, found.low * largest, found.high * largest)


def _unseen(parts: Split) -> Interval:
    # Certain requests are never all of the traffic, and of the rest nothing was seen yet.
    return Interval(parts.known_gap, -1.0, 1.0)


def _placed(parts: Split, estimate: float, low: float, high: float) -> Interval:
    low, high = max(low, -1.0), min(high, 1.0)
    base, share = parts.known_gap, parts.share
    return Interval(base + share * estimate, base + share * low, base + share * high)
