"""How well a number tells wrong answers from right ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from downroute.stats.ranks import ranks

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Detector:
    """``auroc``: how often a wrong answer gets the higher risk than a right one, ties half;
    ``None`` where there is only one kind. Of the answers that would be flagged: ``recall`` is the
    share of the wrong ones found, ``false_alarms`` that of the right ones flagged."""

    auroc: float | None
    flagged: float
    recall: float | None
    false_alarms: float | None


def auroc(risk: Array, wrong: Bools) -> float | None:
    """The area under the ROC curve, by ranks (Mann-Whitney).

    Parameters
    ----------
    risk : array of shape (n,), finite
        Higher = thought to be wrong rather.
    wrong : bool array of shape (n,)

    Returns
    -------
    float in [0, 1] or None
    """
    positive = int(wrong.sum())
    negative = len(wrong) - positive
    if not positive or not negative:
        return None
    above = float(ranks(risk)[wrong].sum()) - positive * (positive + 1) / 2
    return above / (positive * negative)


def graded(risk: Array, wrong: Bools, flagged: Bools) -> Detector:
    """``risk`` as a detector of ``wrong`` where it flags ``flagged``; all of shape (n,)."""
    caught = float((flagged & wrong).sum())
    alarms = float((flagged & ~wrong).sum())
    positive, negative = float(wrong.sum()), float((~wrong).sum())
    return Detector(
        auroc(risk, wrong),
        float(flagged.mean()) if len(flagged) else 0.0,
        caught / positive if positive else None,
        alarms / negative if negative else None,
    )
