"""PURE: what the baseline would have cost, from means, with how sure that is.

For n calls whose counterfactual is not measured, each is taken at the mean m of n0 measured costs
with standard deviation s. The sum n·m then misses the true sum with variance s²·(n²/n0 + n): the
mean is uncertain, and the n calls vary around it. Intervals are normal, at 95 %.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

Z_95 = 1.959964


@dataclass(slots=True)
class RunningMean:
    """Mean and standard deviation of what was added (Welford 1962)."""

    n: int = 0
    mean: float = 0.0
    _squares: float = 0.0

    def add(self, value: float) -> None:
        self.n += 1
        step = value - self.mean
        self.mean += step / self.n
        self._squares += step * (value - self.mean)

    @property
    def deviation(self) -> float | None:
        return math.sqrt(self._squares / (self.n - 1)) if self.n > 1 else None


@dataclass(frozen=True, slots=True)
class Basis:
    """What an estimate stands on: the mean cost in USD of a ``model`` call of a ``task`` over
    ``n`` measured ones, ``deviation`` of one call, and where they were measured. ``mean_usd`` is
    ``None`` where nobody measured it."""

    task: str
    model: str
    source: str
    mean_usd: float | None
    n: int | None
    deviation: float | None = None

    def variance(self, calls: int) -> float | None:
        """Of the estimated sum of ``calls`` calls, in USD²."""
        if self.deviation is None or not self.n:
            return None
        return self.deviation**2 * (calls**2 / self.n + calls)


def spread(variances: Iterable[float | None]) -> float | None:
    """Half the 95 % interval of a sum of independent estimates; ``None`` where one is unknown."""
    total = 0.0
    for variance in variances:
        if variance is None:
            return None
        total += variance
    return Z_95 * math.sqrt(total)
