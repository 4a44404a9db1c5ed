"""Bounds on a mean by betting: right at every sample size, however skewed the values.

A gambler who believes the mean is lower than m bets on each value falling short of m. If the mean
is m or more the stakes cannot be expected to grow, so capital of 1/α or more happens with
probability at most α, at whatever moment one looks (Ville's inequality). All m on which the
gambler did not get that rich make the confidence bound.

Instead of one bet that adapts from value to value, a fixed mixture of bets is held. Its capital
does not depend on the order of the values, so neither does a verdict; in simulation it is as tight
as the predictable plug-in at 100 values and tighter at 500. It assumes no sampling distribution:
only that values are independent draws from one population, and their range.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from downroute.stats.roots import root

Array = NDArray[np.float64]

# Shares of what may at most be bet. Square-root spacing puts most of them high: small samples and
# small variances, where a bound matters most, call for high bets.
_BETS = np.sqrt(np.arange(1, 11) / 11.0)
_EDGE = 1e-9
_WIDEST = 1e6


def mean_bounds(values: Array, low: float, high: float, alpha: float) -> tuple[float, float]:
    """One-sided lower and upper confidence bounds of E[x], each at level ``alpha``.

    Parameters
    ----------
    values : array of shape (n,)
        Independent draws, all within [low, high]; n may be 0.
    low, high : float, low < high
        The range the values *could* have, not the one they had.
    alpha : float in (0, 1)
        Error of each bound, at any time: it holds over all sample sizes together.

    Returns
    -------
    tuple of float
        (lower, upper) within [low, high].

    References
    ----------
    I. Waudby-Smith, A. Ramdas, "Estimating means of bounded random variables by betting", JRSS B
    86:1-27, 2024.
    """
    share, counts = np.unique((values - low) / (high - low), return_counts=True)
    upper = _upper_share(share, counts, alpha)
    lower = 1.0 - _upper_share(1.0 - share, counts, alpha)
    return low + lower * (high - low), low + upper * (high - low)


def relative_gap_bounds(baseline: Array, candidate: Array, alpha: float) -> tuple[float, float]:
    """One-sided bounds of the relative gap 1 - E[candidate] / E[baseline], each at ``alpha``.

    Parameters
    ----------
    baseline, candidate : arrays of shape (n,)
        Paired scores in [0, 1].
    alpha : float in (0, 1)

    Returns
    -------
    tuple of float
        (lower, upper): the relative gaps r at which "E[(1 - r)·baseline - candidate] is 0" is not
        given up by betting on either side; lower may be ``-inf``, upper is at most 1.
    """
    wealth = math.log(1.0 / alpha)
    ratio = candidate.mean() / baseline.mean() if baseline.any() else math.inf
    start = min(max(1.0 - ratio, -_WIDEST), 1.0 - _EDGE) if candidate.any() else 1.0 - _EDGE

    def above(gap: float) -> float:
        return _log_capital(candidate / (1.0 - gap) - baseline) - wealth

    def below(gap: float) -> float:
        return _log_capital((1.0 - gap) * baseline - candidate) - wealth

    upper = _crossing(above, start, 1.0 - _EDGE)
    lower = _crossing(below, start, -_WIDEST)
    return (-math.inf if lower is None else lower), (1.0 if upper is None else upper)


def _upper_share(share: Array, counts: NDArray[np.intp], alpha: float) -> float:
    """Upper bound of the mean of values in [0, 1], given as distinct values with their counts."""
    if not len(share):
        return 1.0
    wealth = math.log(1.0 / alpha)

    def missing(mean: float) -> float:
        return _log_capital((mean - share) / (1.0 - mean), counts) - wealth

    start = min(float(share @ counts / counts.sum()), 1.0 - _EDGE)
    found = _crossing(missing, start, 1.0 - _EDGE)
    return 1.0 if found is None else found


def _log_capital(payoffs: Array, counts: NDArray[np.intp] | float = 1.0) -> float:
    """Log of the mixture's capital; ``payoffs``, each -1 or more, are what one unit staked wins."""
    # Rounding may put a payoff of exactly -1 just below it.
    grown = np.log1p(np.outer(_BETS, np.maximum(payoffs, -1.0)))
    logs = (grown * counts).sum(axis=1)
    top = float(logs.max())
    return top + math.log(float(np.exp(logs - top).mean()))


def _crossing(signed: Callable[[float], float], start: float, end: float) -> float | None:
    """Where the growing capital first suffices on the way from start to end; ``None`` = never."""
    if signed(end) <= 0.0 or signed(start) >= 0.0:
        return None
    return root(signed, start, end, xtol=1e-8)
