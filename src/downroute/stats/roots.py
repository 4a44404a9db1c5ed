"""Where a function crosses zero.

`scipy.optimize.brentq` would do; loading it takes a third of the time a study needs to start.
"""

from __future__ import annotations

import sys
from collections.abc import Callable


def root(
    function: Callable[[float], float], start: float, end: float, xtol: float = 2e-12
) -> float:
    """The place between ``start`` and ``end`` where ``function``, which has different signs at the
    two, is 0, to within ``xtol``: inverse quadratic interpolation where it is safe, else halving
    (Chandrupatla 1997).

    Raises:
        ValueError: the signs at both ends are the same.
    """
    a, b = float(start), float(end)
    fa, fb = float(function(a)), float(function(b))
    if fa == 0.0 or fb == 0.0:
        return a if fa == 0.0 else b
    if (fa > 0.0) == (fb > 0.0):
        raise ValueError("the function has the same sign at both ends")
    share = 0.5
    while True:
        new = a + share * (b - a)
        value = float(function(new))
        if (value > 0.0) == (fa > 0.0):
            c, fc = a, fa
        else:
            c, fc, b, fb = b, fb, a, fa
        a, fa = new, value
        best, least = (a, fa) if abs(fa) < abs(fb) else (b, fb)
        nearest = (2.0 * sys.float_info.epsilon * abs(best) + xtol / 2.0) / abs(b - a)
        if least == 0.0 or nearest > 0.5:
            return best
        share = 0.5
        if fc != fb:
            place, height = (a - b) / (c - b), (fa - fb) / (fc - fb)
            if height**2 < place and (1.0 - height) ** 2 < 1.0 - place:
                share = fa / (fb - fa) * fc / (fb - fc)
                share += (c - a) / (b - a) * fa / (fc - fa) * fb / (fc - fb)
        share = min(max(share, nearest), 1.0 - nearest)
