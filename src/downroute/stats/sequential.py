"""When to look, how much of the error each look may spend, and when to give up.

A look is a number of pairs at which the test is read. Its statistic is a standard normal z under
the null hypothesis, and z·√pairs moves like Brownian motion with time counted in pairs. Bounds
are negative, as the tests of this room are: below its look's bound the candidate is accepted;
above the mirror image the baseline is kept. Both the verdict and the printed interval of a look
use that look's bound.

Error spent by look n of N planned is α·(n/N)², whatever the looks turn out to be; the last look
spends all that is left.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from downroute.stats.normal import ndtr, ndtri
from downroute.stats.roots import root

Array = NDArray[np.float64]

SMALLEST_SEQUENTIAL = 200
"""Fewer planned pairs than this are read once, at the end."""
LOOK_STEP = 100
SHORTEST_STEP = 50
MOST_LOOKS = 5

_REACH = 9.0
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(10)
_PANEL = 1.5
_MOST_PANELS = 160


def default_looks(maximum: int) -> tuple[int, ...]:
    """The looks of a study of up to ``maximum`` pairs.

    Parameters
    ----------
    maximum : int, >= 1
        Planned pairs.

    Returns
    -------
    tuple of int
        Below 200 one look at the end; up to 500 every 100 (a last step shorter than 50 merges
        into the one before: 448 -> 100, 200, 300, 448); above 500 five equal steps.
    """
    if maximum < 1:
        raise ValueError(f"a study needs at least one planned pair, not {maximum}")
    if maximum < SMALLEST_SEQUENTIAL:
        return (maximum,)
    if maximum > LOOK_STEP * MOST_LOOKS:
        return tuple(round(maximum * k / MOST_LOOKS) for k in range(1, MOST_LOOKS + 1))
    looks = list(range(LOOK_STEP, maximum + 1, LOOK_STEP))
    if maximum - looks[-1] >= SHORTEST_STEP:
        looks.append(maximum)
    else:
        looks[-1] = maximum
    return tuple(looks)


def bounds(looks: Sequence[int], maximum: int, alpha: float) -> list[float]:
    """The z bound of each look, by Lan and DeMets' spending function α·t².

    Parameters
    ----------
    looks : sequence of int, strictly increasing, all >= 1
        Pairs at each look, as planned or as they came; a bound depends on its own and earlier
        looks only. The last one spends all error that is left, whatever its size.
    maximum : int, >= 1
        Pairs planned when the study began; t = look / maximum.
    alpha : float in (0, 0.5]
        One-sided error of the whole study.

    Returns
    -------
    list of float
        Negative z per look; ``-inf`` for a look after all error is spent.

    Notes
    -----
    Crossing probabilities come from the recursion of Armitage, McPherson and Rowe with
    Gauss-Legendre panels no wider than the steps' standard deviations: deterministic, errors
    below 1e-8. The ``keep`` bound is not counted on (non-binding), so stopping there, or for
    futility, can only lower the error.

    References
    ----------
    K. K. G. Lan, D. L. DeMets, "Discrete sequential boundaries for clinical trials", Biometrika
    70:659-663, 1983; P. Armitage, C. K. McPherson, B. C. Rowe, "Repeated significance tests on
    accumulating data", JRSS A 132:235-244, 1969.

    Examples
    --------
    >>> [round(z, 2) for z in bounds([100, 200, 300, 400, 500], 500, 0.05)]
    [-2.88, -2.47, -2.2, -1.98, -1.79]
    """
    _check(looks, maximum, alpha)
    return [-z for z in _upper_bounds(tuple(looks), maximum, alpha)]


def stagewise_p(looks: Sequence[int], maximum: int, alpha: float, z: float) -> float:
    """The p-value of a sequential test that stopped at the last of ``looks`` with statistic ``z``.

    Parameters
    ----------
    looks : sequence of int, strictly increasing
        The looks that were taken, the one it stopped at last.
    maximum, alpha
        As in :func:`bounds`.
    z : float
        The statistic at the last of ``looks``; negative speaks for the candidate.

    Returns
    -------
    float
        The probability under the null hypothesis of stopping earlier for the candidate, or at
        this look with a z as low: uniform under the null hypothesis, unlike Φ(z), which forgets
        the earlier looks.

    References
    ----------
    A. A. Tsiatis, G. L. Rosner, C. R. Mehta, "Exact confidence intervals following a group
    sequential test", Biometrics 40:797-803, 1984 (the stage-wise ordering).
    """
    _check(looks, maximum, alpha)
    crossings = _upper_bounds(tuple(looks), maximum, alpha)
    path = _Path.start()
    for look, bound, following in zip(looks, crossings, looks[1:], strict=False):
        path = path.after(look, bound, following)
    spent = _spent(looks[-2], maximum, alpha) if len(looks) > 1 else 0.0
    return min(1.0, spent + path.exceeding(looks[-1], -z))


def conditional_power(
    z: float, pairs: int, maximum: int, final_bound: float, margin: float, sd: float
) -> float:
    """The chance that the last look accepts the candidate, given this look, if the true gap is 0.

    Below 5 % the rest of the pairs would be wasted on this candidate alone (futility). The rule
    is non-binding: going on after it leaves the error as it is.

    Parameters
    ----------
    z : float
        The statistic at this look.
    pairs : int
        Pairs at this look.
    maximum : int
        Pairs at the last look.
    final_bound : float, < 0
        The last look's z bound.
    margin : float, > 0
        The tested gap in score units. For a relative margin, margin · the baseline's mean score.
    sd : float, >= 0
        Standard deviation of one pair's difference at gap 0; for 0/1 scores the square root of
        the discordance (b + c) / pairs.

    Returns
    -------
    float in [0, 1]

    References
    ----------
    K. K. G. Lan, R. Simon, M. Halperin, "Stochastically curtailed tests in long-term clinical
    trials", Sequential Analysis 1:207-219, 1982.
    """
    left = maximum - pairs
    if left <= 0:
        return 1.0 if z < final_bound else 0.0
    if sd <= 0.0:
        return 1.0
    fall = left * margin / sd
    reach = final_bound * math.sqrt(maximum) - z * math.sqrt(pairs) + fall
    return float(ndtr(reach / math.sqrt(left)))


def _check(looks: Sequence[int], maximum: int, alpha: float) -> None:
    steps = [0, *looks]
    if len(steps) < 2 or any(
        later <= earlier for earlier, later in zip(steps, looks, strict=False)
    ):
        raise ValueError(f"looks must be positive and increase, not {list(looks)}")
    if maximum < 1 or not 0.0 < alpha <= 0.5:
        raise ValueError(f"maximum must be positive and alpha in (0, 0.5], not {maximum}, {alpha}")


def _spent(look: int, maximum: int, alpha: float) -> float:
    return alpha * min(1.0, look / maximum) ** 2


@lru_cache(maxsize=1024)
def _upper_bounds(looks: tuple[int, ...], maximum: int, alpha: float) -> tuple[float, ...]:
    """Positive bounds of the mirrored problem: stop where z is above."""
    path = _Path.start()
    found: list[float] = []
    spent = 0.0
    for k, look in enumerate(looks):
        target = alpha if k == len(looks) - 1 else _spent(look, maximum, alpha)
        found.append(path.bound_for(look, target - spent))
        spent = target
        if k < len(looks) - 1:
            path = path.after(look, found[-1], looks[k + 1])
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Path:
    """Where s = z·√pairs may stand under the null hypothesis, having crossed no bound so far:
    quadrature points with their probability."""

    pairs: int
    points: Array
    mass: Array

    @classmethod
    def start(cls) -> _Path:
        return cls(0, np.zeros(1), np.ones(1))

    def exceeding(self, look: int, z: float) -> float:
        """The probability of not having stopped and standing above ``z`` at ``look``."""
        distance = self.points - z * math.sqrt(look)
        return float(self.mass @ ndtr(distance / math.sqrt(look - self.pairs)))

    def bound_for(self, look: int, error: float) -> float:
        """The z above which exactly ``error`` of the probability stands at ``look``."""
        if error <= 0.0:
            return math.inf
        if self.pairs == 0:
            return float(-ndtri(error))
        return root(lambda z: self.exceeding(look, z) - error, -_REACH, 4 * _REACH)

    def after(self, look: int, bound: float, following: int) -> _Path:
        """The path's state at ``look`` where z stayed below ``bound``, laid out finely enough
        for the step that led here and for the one to the ``following`` look."""
        deviation = math.sqrt(look - self.pairs)
        reach = math.sqrt(look)
        points, weights = _quadrature(
            -_REACH * reach,
            min(bound, _REACH) * reach,
            widest=_PANEL * min(deviation, math.sqrt(following - look)),
        )
        distance = (points[:, None] - self.points) / deviation
        density = np.exp(-0.5 * distance**2) @ self.mass / (deviation * math.sqrt(2.0 * math.pi))
        return _Path(look, points, density * weights)


def _quadrature(low: float, high: float, widest: float) -> tuple[Array, Array]:
    panels = min(_MOST_PANELS, math.ceil((high - low) / widest))
    width = (high - low) / panels
    middles = low + width * (np.arange(panels) + 0.5)
    points = (middles[:, None] + 0.5 * width * _NODES).ravel()
    return points, np.tile(0.5 * width * _WEIGHTS, panels)
