"""The normal distribution and Student's t, without what takes long to load.

`scipy.special` has the same, and is what the tests hold this against; loading it takes a quarter of
the time a study needs to start.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import overload

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_STANDARD = NormalDist()
_ERFC = np.frompyfunc(math.erfc, 1, 1)
_ROOT_HALF = math.sqrt(0.5)


@overload
def ndtr(z: float) -> float: ...
@overload
def ndtr(z: Array) -> Array: ...
def ndtr(z: float | Array) -> float | Array:
    """The chance that a standard normal number is at most ``z``; an array for an array."""
    if isinstance(z, np.ndarray):
        return 0.5 * np.asarray(_ERFC(-z * _ROOT_HALF), dtype=np.float64)
    return 0.5 * math.erfc(-z * _ROOT_HALF)


def ndtri(chance: float) -> float:
    """The z below which a standard normal number lies with ``chance``; infinite at 0 and 1."""
    if 0.0 < chance < 1.0:
        return _STANDARD.inv_cdf(chance)
    return math.inf if chance >= 1.0 else -math.inf


def t_beyond(t: float, freedom: int) -> float:
    """The chance that Student's t with ``freedom`` degrees is further from 0 than ``t``, by the
    finite series for whole degrees (Abramowitz & Stegun 26.7.3-4); good to 1e-12."""
    angle = math.atan(abs(t) / math.sqrt(freedom))
    cosine, sine = math.cos(angle), math.sin(angle)
    odd = freedom % 2 == 1
    term = cosine if odd else 1.0
    total = term if freedom > 1 else 0.0
    for k in range(3 if odd else 2, freedom - 1, 2):
        term *= cosine * cosine * (k - 1) / k
        total += term
    within = 2.0 / math.pi * (angle + sine * total) if odd else sine * total
    return max(1.0 - within, 0.0)
