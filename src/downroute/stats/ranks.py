"""Ranks, and what goes with them: how two rows of numbers rise together.

What `scipy.stats` has of this takes longer to load than a study to start; tests hold one against
the other.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from downroute.stats.normal import t_beyond


def ranks(values: ArrayLike) -> NDArray[np.float64]:
    """The ranks from 1, of equal values their mean.

    Parameters
    ----------
    values : array of shape (n,)

    Returns
    -------
    float array of shape (n,)
    """
    _, group, counts = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    mean: NDArray[np.float64] = (last - (counts - 1) / 2)[group]
    return mean


def spearman(first: ArrayLike, second: ArrayLike) -> tuple[float, float]:
    """Spearman's rank correlation with its two-sided p-value by Student's t.

    Parameters
    ----------
    first, second : arrays of shape (n,), n > 2, each of at least two different values
    """
    one, other = ranks(first), ranks(second)
    correlation = float(np.corrcoef(one, other)[0, 1])
    free = len(one) - 2
    rest = (1 - correlation) * (1 + correlation)
    if rest <= 0:
        return correlation, 0.0
    return correlation, t_beyond(correlation * math.sqrt(free / rest), free)
