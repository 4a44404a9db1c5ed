"""Is the candidate no worse than the baseline by the margin? Score tests for paired 0/1 scores.

Every pair is one example scored for both models: ``both`` were right, ``b`` only the baseline,
``c`` only the candidate, the rest neither; ``n`` pairs in all. The null hypothesis is "the gap is
``margin`` or more", so a *negative* z speaks for the candidate: it is non-inferior at one-sided
level α when ``z < -z_crit`` (1.645 for α = .05). Both intervals are their test inverted, so a
printed interval and a verdict drawn from the same ``z_crit`` never disagree.

These run thousands of times in a backtest: plain floats, no arrays.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from downroute.stats.roots import root

_EDGE = 1e-9
_WIDEST = 1e6
_TOLERANCE = 1e-10


def tango_z(b: float, c: float, n: float, margin: float) -> float:
    """Tango's score statistic for the difference of two paired proportions.

    Parameters
    ----------
    b, c : float, >= 0
        Pairs only the baseline, only the candidate got right. Expected (fractional) counts work.
    n : float, >= b + c
        All pairs.
    margin : float in (-1, 1)
        The gap P(baseline right) - P(candidate right) under the null hypothesis. The test is
        symmetric: ``tango_z(b, c, n, -d) == -tango_z(c, b, n, d)``.

    Returns
    -------
    float
        Standard normal at that gap; 0 where the counts say nothing.

    References
    ----------
    T. Tango, "Equivalence test and confidence interval for the difference in proportions for the
    paired-sample design", Statistics in Medicine 17:891-908, 1998.
    """
    linear = (2.0 * n - b + c) * margin - b - c
    constant = c * margin * (1.0 - margin)
    root = math.sqrt(max(linear * linear + 8.0 * n * constant, 0.0))
    # The larger root of 2n·q² + linear·q - constant, q = P(only the candidate right) under the
    # null, in the form that does not cancel.
    if linear > 0.0:
        q = 2.0 * constant / (linear + root)
    else:
        q = (root - linear) / (4.0 * n) if n else 0.0
    return _standardised(b - c - n * margin, n * (2.0 * q + margin * (1.0 - margin)))


def tango_interval(b: float, c: float, n: float, z_crit: float) -> tuple[float, float]:
    """Bounds of the gap P(baseline right) - P(candidate right): every gap ``tango_z`` does not
    reject on either side at ``z_crit``.

    Parameters
    ----------
    b, c, n : float
        As in :func:`tango_z`.
    z_crit : float, > 0
        One-sided critical value; 1.645 gives two 95 % bounds (a 90 % interval).

    Returns
    -------
    tuple of float
        (low, high) within [-1, 1].
    """
    if n <= 0:
        return -1.0, 1.0
    gap = (b - c) / n
    low = _crossing(lambda d: tango_z(b, c, n, d) - z_crit, gap, -1.0 + _EDGE)
    high = _crossing(lambda d: tango_z(b, c, n, d) + z_crit, gap, 1.0 - _EDGE)
    return (-1.0 if low is None else low), (1.0 if high is None else high)


def relative_z(both: float, b: float, c: float, margin: float) -> float:
    """The score statistic for a *relative* margin: the null hypothesis is
    P(candidate right) <= (1 - margin) · P(baseline right).

    Parameters
    ----------
    both, b, c : float, >= 0
        Pairs both models, only the baseline, only the candidate got right. Pairs neither got
        right carry no information on a ratio.
    margin : float, < 1
        The relative gap 1 - P(candidate right) / P(baseline right) under the null hypothesis.

    Returns
    -------
    float
        Standard normal at that relative gap; 0 where the counts say nothing. At ``margin`` 0 it
        is McNemar's statistic, as Tango's is.

    References
    ----------
    N.-S. Tang, M.-L. Tang, I. S. F. Chan, "On tests of equivalence via non-unity relative risk for
    matched-pair design", Statistics in Medicine 22:1217-1233, 2003; J. Nam, W. C. Blackwelder,
    "Analysis of the ratio of marginal probabilities in a matched-pair setting", Statistics in
    Medicine 21:689-699, 2002.
    """
    kept = 1.0 - margin
    lagrange = _lagrange(both, b, c, margin)
    p_both = both / (1.0 - lagrange * margin)
    # The constraint kept·p_b = margin·p_both + p_c gives the cell whose own formula
    # count / (1 + λa) may be 0/0.
    if lagrange < 0.0:
        p_c = c / (1.0 - lagrange)
        p_b = (margin * p_both + p_c) / kept
    else:
        p_b = b / (1.0 + lagrange * kept)
        p_c = kept * p_b - margin * p_both
    variance = margin * margin * p_both + kept * kept * p_b + p_c
    return _standardised(kept * b - margin * both - c, variance)


def relative_interval(both: float, b: float, c: float, z_crit: float) -> tuple[float, float]:
    """Bounds of the relative gap 1 - P(candidate right) / P(baseline right): every relative gap
    ``relative_z`` does not reject on either side at ``z_crit``.

    Parameters
    ----------
    both, b, c : float
        As in :func:`relative_z`.
    z_crit : float, > 0
        One-sided critical value.

    Returns
    -------
    tuple of float
        (low, high), high <= 1; low is ``-inf`` where the baseline may be right next to never.
    """
    base = both + b
    gap = (b - c) / base if base > 0 else -c * _WIDEST
    inner = min(max(gap, -_WIDEST), 1.0 - _EDGE)
    low = _crossing(lambda m: relative_z(both, b, c, m) - z_crit, inner, -_WIDEST)
    high = _crossing(lambda m: relative_z(both, b, c, m) + z_crit, inner, 1.0 - _EDGE)
    return (-math.inf if low is None else low), (1.0 if high is None else high)


def _lagrange(both: float, b: float, c: float, margin: float) -> float:
    """The multiplier λ of the multinomial likelihood under Σ a·p = 0, a = (-margin, 1 - margin,
    -1, 0) for (both, b, c, neither): each cell's p is count / (n · (1 + λa)).

    λ maximises the concave dual Σ count·log(1 + λa) over 1 + λa >= 0 for *every* cell. An empty
    cell does not bend the dual, so the maximum may sit on that cell's edge; it is then the empty
    cell that takes the probability the constraint asks for.
    """
    kept = 1.0 - margin
    lowest = -1.0 / kept
    if b == 0.0:
        if -margin * both * kept - c * kept / (kept + 1.0) <= 0.0:
            return lowest
        if c > 0.0:
            return (margin * both + c) / (margin * (both + c))
    if c == 0.0:
        if -margin * both / kept + b * kept / (1.0 + kept) >= 0.0:
            return 1.0
        return (kept * b - margin * both) / (margin * kept * (both + b))
    constant = kept * b - margin * both - c
    linear = margin * margin * both - kept * (1.0 + margin) * b - (kept - margin) * c
    square = margin * kept * (both + b + c)
    half = -0.5 * (
        linear + math.copysign(math.sqrt(max(linear**2 - 4.0 * square * constant, 0.0)), linear)
    )
    roots = [constant / half] if half else [0.0]
    if square:
        roots.append(half / square)
    return min(roots, key=lambda root: max(lowest - root, root - 1.0, 0.0))


def _standardised(excess: float, variance: float) -> float:
    if variance > 0.0:
        return excess / math.sqrt(variance)
    return math.copysign(math.inf, excess) if excess else 0.0


def _crossing(signed: Callable[[float], float], start: float, end: float) -> float | None:
    """Where ``signed`` changes sign between the estimate and the far end; ``None`` if nowhere."""
    first, last = signed(start), signed(end)
    if first == 0.0:
        return start
    if (first > 0.0) == (last > 0.0):
        return None
    return root(signed, start, end, xtol=_TOLERANCE)
