"""Shares of calls: what they lie between, whether one is higher, whether they move in time."""

from __future__ import annotations

import math
from collections.abc import Sequence

from downroute.stats.interval import Interval
from downroute.stats.normal import ndtr, ndtri

Z_95 = 1.959964


def wilson(hits: int, of: int, z: float = Z_95) -> Interval:
    """A share with Wilson's score interval (Wilson 1927); ``of`` is at least 1."""
    share = hits / of
    spread = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    middle, scale = share + z * z / (2 * of), 1 + z * z / of
    # Rounding may leave a bound on the wrong side of a share of 0 or 1.
    low, high = (middle - spread) / scale, (middle + spread) / scale
    return Interval(share, min(max(low, 0.0), share), max(min(high, 1.0), share))


def fisher_greater(hits: int, of: int, all_hits: int, everything: int) -> float:
    """Fisher's exact one-sided p-value: the chance that ``of`` calls drawn from ``everything``
    hold ``hits`` or more of its ``all_hits``."""
    from scipy.stats import hypergeom  # takes as long to load as all the rest

    return float(hypergeom.sf(hits - 1, everything, all_hits, of))


def trend_z(hits: Sequence[int], of: Sequence[int]) -> float:
    """Cochran and Armitage's z for a share that rises (positive) or falls with its place in the
    row; 0 where nothing can be said."""
    calls, total = sum(of), sum(hits)
    if not calls or total in (0, calls):
        return 0.0
    share = total / calls
    mean = sum(i * n for i, n in enumerate(of)) / calls
    moved = sum((i - mean) * (h - share * n) for i, (h, n) in enumerate(zip(hits, of, strict=True)))
    spread = share * (1 - share) * sum(n * (i - mean) ** 2 for i, n in enumerate(of))
    return moved / math.sqrt(spread) if spread > 0 else 0.0


def two_sided(z: float) -> float:
    """The p-value of a z in either direction."""
    return float(2 * ndtr(-abs(z)))


def z_of(alpha: float) -> float:
    """The z whose two-sided p-value is ``alpha``."""
    return float(-ndtri(alpha / 2))
