"""L2-regularised logistic regression by Newton's method, for a few columns and hundreds of rows.

It is fitted thousands of times in a backtest, each fit a handful of small linear systems.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_STEPS = 25
_TOLERANCE = 1e-6
_LONGEST_STEP = 3.0
_FARTHEST = 30.0


def fit(columns: Array, target: Array, penalty: float) -> Array:
    """The coefficients that minimise Σ log-loss + penalty/2 · Σ slope².

    Parameters
    ----------
    columns : array of shape (n, p)
        Best standardised: one penalty is right for all only then.
    target : array of shape (n,), values in [0, 1]
        0/1 labels, or shares.
    penalty : float, > 0
        scikit-learn's 1/C. The intercept is not penalised.

    Returns
    -------
    array of shape (p + 1,)
        The intercept, then the slopes.
    """
    n = len(target)
    design = np.column_stack([np.ones(n), columns])
    ridge = np.full(design.shape[1], penalty)
    ridge[0] = 1e-9
    share = (float(target.sum()) + 0.5) / (n + 1.0)
    found = np.zeros(design.shape[1])
    found[0] = np.log(share / (1.0 - share))
    diagonal = np.diag_indices(len(found))
    for _ in range(_STEPS):
        chance = expit(design @ found)
        slope = design.T @ (chance - target) + ridge * found
        curve = (design * (chance * (1.0 - chance) + 1e-12)[:, None]).T @ design
        curve[diagonal] += ridge
        step = np.linalg.solve(curve, slope)
        longest = float(np.abs(step).max())
        found = found - step * min(1.0, _LONGEST_STEP / max(longest, _TOLERANCE))
        if longest < _TOLERANCE:
            break
    return found


def expit(logits: Array) -> Array:
    """The probabilities of so many log odds."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logits, -_FARTHEST, _FARTHEST))))


def log_loss(logits: Array, target: Array) -> float:
    """Σ log-loss of predicted log odds, in nats."""
    z = np.clip(logits, -_FARTHEST, _FARTHEST)
    return float((np.logaddexp(0.0, z) - target * z).sum())
