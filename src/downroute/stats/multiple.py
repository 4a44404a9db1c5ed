"""Many tasks at once: which routes stand when all of them are read together."""

from __future__ import annotations

from collections.abc import Sequence


def benjamini_hochberg(p_values: Sequence[float], q: float = 0.10) -> list[bool]:
    """Which hypotheses Benjamini and Hochberg's step-up procedure rejects.

    Each task keeps its own verdict at its own level. This marks, for the report over a fleet,
    those that stand although many were tested: among the marked, the expected share of false
    ones is at most ``q``.

    Parameters
    ----------
    p_values : sequence of float in [0, 1]
        One per task, for "the gap is the margin or more" (:func:`sequential.stagewise_p` where
        the test looked more than once).
    q : float in (0, 1), default 0.10

    Returns
    -------
    list of bool
        In the order given; ``[]`` for no tasks.

    References
    ----------
    Y. Benjamini, Y. Hochberg, "Controlling the false discovery rate", JRSS B 57:289-300, 1995.
    """
    count = len(p_values)
    last = max(
        (p for rank, p in enumerate(sorted(p_values), start=1) if p <= q * rank / count),
        default=-1.0,
    )
    return [p <= last for p in p_values]
