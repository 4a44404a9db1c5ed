"""Fixed-sequence testing along a grid of escalation fractions.

From "escalate all" down to hardly any, each point is tested at the full level and the walk stops
at the first that fails (Maurer, Hothorn & Lehmacher 1995; as Learn-then-Test, Angelopoulos et al.
2021). The first point whose true gap exceeds the margin is passed with probability at most α, and
no later one is reached without passing it: so is P(the point used has a gap above the margin).
Nothing in the order may come from the labels; the grid comes from quantiles of the score alone.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]

FRACTIONS = (
    *(0.9, 0.7, 0.55, 0.47, 0.41, 0.36, 0.32, 0.28, 0.25, 0.22),
    *(0.19, 0.16, 0.13, 0.11, 0.09, 0.075, 0.06, 0.045, 0.03, 0.015),
)
"""Twenty escalation fractions, denser where the saving is: few cascades escalate half."""


def thresholds(risk: Array, fractions: tuple[float, ...] = FRACTIONS) -> Array:
    """For each fraction the risk above which at least that share of ``risk`` lies, so that a tie
    is escalated as a whole; ``-inf`` where only all do. Shape (len(fractions),)."""
    ordered = np.sort(risk)[::-1]
    n = len(ordered)
    found = np.empty(len(fractions))
    for k, fraction in enumerate(fractions):
        last = ordered[min(n, int(np.ceil(fraction * n))) - 1]
        below = ordered[ordered < last]
        # Halfway, so that a new value is not decided by rounding.
        found[k] = -np.inf if not len(below) else _between(float(below[0]), float(last))
    return found


def _between(low: float, high: float) -> float:
    return 0.5 * (low + high) if np.isfinite(high) else low


def tango_z_many(b: Array, c: Array, n: float, margin: float) -> Array:
    """`noninferiority.tango_z` of many counts at once; ``b`` and ``c`` of one shape."""
    linear = (2.0 * n - b + c) * margin - b - c
    constant = c * margin * (1.0 - margin)
    root = np.sqrt(np.maximum(linear * linear + 8.0 * n * constant, 0.0))
    steep = linear > 0.0
    q = np.where(
        steep,
        2.0 * constant / np.where(steep, linear + root, 1.0),
        (root - linear) / (4.0 * n),
    )
    return np.asarray((b - c - n * margin) / np.sqrt(n * (2.0 * q + margin * (1.0 - margin))))


def walk(passes: Callable[[int], bool], steps: int) -> int:
    """How many of ``steps`` points pass before the first that does not."""
    for step in range(steps):
        if not passes(step):
            return step
    return steps
