"""How many pairs a verdict needs: before spending, and half-way.

All follow from one fact: over n pairs the mean difference is normal around the true gap g with
standard deviation sd/√n, for 0/1 scores sd² = discordance - g². Discordance is the share of
pairs on which the two models' scores differ.
"""

from __future__ import annotations

import math

from downroute.stats.noninferiority import tango_z
from downroute.stats.normal import ndtr, ndtri


def difference_sd(gap: float, discordance: float) -> float:
    """Standard deviation of one pair's 0/1 score difference.

    Parameters
    ----------
    gap : float in [-1, 1]
    discordance : float in [|gap|, 1]
        Smaller values are read as ``|gap|``, the least there can be.
    """
    return math.sqrt(max(max(discordance, abs(gap)) - gap * gap, 0.0))


def pairs_for_power(
    gap: float, sd: float, margin: float, *, alpha: float = 0.05, power: float = 0.8
) -> int | None:
    """Pairs at which a candidate of this true gap is accepted with probability ``power``.

    Parameters
    ----------
    gap : float
        The true gap, in score units.
    sd : float, >= 0
        Standard deviation of one pair's difference (:func:`difference_sd` for 0/1 scores).
    margin : float
    alpha : float in (0, 0.5]
        One-sided error.
    power : float in (alpha, 1)

    Returns
    -------
    int or None
        (z_alpha + z_power)²·sd² / (margin - gap)² rounded up, at least 1; ``None`` where the gap is
        at or above the margin: no number of pairs shows what is not so.

    Examples
    --------
    >>> pairs_for_power(0.01, difference_sd(0.01, 0.10), 0.05)
    387
    """
    if gap >= margin:
        return None
    z = float(ndtri(1.0 - alpha) + ndtri(power))
    # Rounded first: 124.00000001 pairs are 124.
    return max(1, math.ceil(round((z * sd / (margin - gap)) ** 2, 6)))


def power_of(pairs: int, gap: float, sd: float, margin: float, *, alpha: float = 0.05) -> float:
    """The chance that ``pairs`` pairs accept a candidate of this true gap; the inverse of
    :func:`pairs_for_power`, and equal to ``alpha`` where the gap is the margin."""
    if sd <= 0.0:
        return 1.0 if gap < margin else 0.0
    return float(ndtr((margin - gap) * math.sqrt(pairs) / sd - ndtri(1.0 - alpha)))


def more_pairs(
    b: float, c: float, n: int, margin: float, *, alpha: float = 0.05, power: float = 0.8
) -> int | None:
    """How many more pairs until :func:`pairs_for_power`, were the gap and the discordance seen so
    far the true ones.

    Parameters
    ----------
    b, c : float
        Pairs only the baseline, only the candidate got right.
    n : int
        All pairs.
    margin : float in (0, 1)

    Returns
    -------
    int or None
        0 where the pairs suffice, ``None`` where the estimated gap is at or above the margin.

    Notes
    -----
    Few discordant pairs promise too much: no difference in 10 pairs would read as "no more
    needed". So the answer is also never below what Tango's test needs to pass on these very
    shares (52 pairs for b = c = 0 at five points).
    """
    if n < 1:
        raise ValueError("nothing is estimated from no pairs; plan with pairs_for_power")
    gap, discordance = (b - c) / n, (b + c) / n
    needed = pairs_for_power(gap, difference_sd(gap, discordance), margin, alpha=alpha, power=power)
    if needed is None:
        return None
    # With the shares fixed, Tango's z grows as the square root of the number of pairs.
    z = tango_z(b, c, n, margin)
    passing = math.floor(n * (ndtri(1.0 - alpha) / z) ** 2) + 1
    return max(0, max(needed, passing) - n)


def more_pairs_graded(
    gap: float, sd: float, n: int, margin: float, *, alpha: float = 0.05, power: float = 0.8
) -> int | None:
    """:func:`more_pairs` for graded scores, from the estimated gap and the standard deviation of
    one pair's difference over ``n`` pairs. For a relative margin m, give the mean and standard
    deviation of (1 - m)·baseline - candidate and the margin 0."""
    needed = pairs_for_power(gap, sd, margin, alpha=alpha, power=power)
    return None if needed is None else max(0, needed - n)
