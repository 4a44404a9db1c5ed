"""Prediction-powered inference: the mean of what people say, with a judge's help (PPI++).

A judge speaks of every pair, people of some. Within each stratum the people's pairs are a simple
random sample of known size, so that how often the judge is wrong, and in whose favour, can be
estimated and taken out. A judge that says nothing costs precision, never validity.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from downroute.stats.interval import Interval

Array = NDArray[np.float64]

UNSEEN = 1.0
"""One pair that differs in full, added to what a stratum's sample shows of its spread: twenty
labels without one surprise do not mean that there is none (see `ppi_mean`, Notes)."""


@dataclass(frozen=True, slots=True)
class Stratum:
    """Items among which labels were drawn at random. ``truth`` are the labels, ``judged`` the
    judge's values of the same items, ``rest`` its values of the items nobody labelled."""

    truth: Array
    judged: Array
    rest: Array

    @classmethod
    def of(cls, truth: ArrayLike, judged: ArrayLike, rest: ArrayLike = ()) -> Stratum:
        """Raises: ValueError where a label has no value of the judge beside it."""
        arrays = [np.asarray(a, dtype=np.float64) for a in (truth, judged, rest)]
        if arrays[0].shape != arrays[1].shape:
            raise ValueError(f"{len(arrays[0])} labels beside {len(arrays[1])} judged values")
        return cls(*arrays)

    @property
    def labels(self) -> int:
        return len(self.truth)

    @property
    def items(self) -> int:
        return len(self.truth) + len(self.rest)

    @property
    def all_judged(self) -> Array:
        return np.concatenate([self.judged, self.rest])


@dataclass(frozen=True, slots=True)
class PpiMean:
    """A corrected mean. ``variance`` has two parts: ``sampling``, what would be left had every
    item a label, and ``labelling``, what the missing labels add. ``power`` is λ, the weight the
    judge was given: 0 = only labels count, 1 = it is taken at its word where nobody labelled.
    ``labels`` of ``items`` are those of strata in which some are missing."""

    value: float
    sampling: float
    labelling: float
    power: float
    labels: int
    items: int
    size: float
    """The mean of |truth|: of 0/1 scores' differences the share of pairs that differ."""

    def counts(self) -> tuple[float, float, float]:
        """(b, c, n) for the score test of paired 0/1 scores (:mod:`noninferiority`): as many pairs
        as would be as precise had all been labelled, of which b are 1 and c are -1. Of truths in
        {-1, 0, 1}; what lies between counts by its share."""
        size = max(self.size, abs(self.value))
        spread = size - self.value * self.value
        variance = self.sampling + self.labelling
        pairs = spread / variance if variance > 0.0 else float(self.items)
        return pairs * (size + self.value) / 2, pairs * (size - self.value) / 2, pairs

    @property
    def se(self) -> float:
        return math.sqrt(self.sampling + self.labelling)

    def interval(self, z_crit: float) -> Interval:
        """The mean with both its bounds at ``z_crit`` (> 0)."""
        reach = z_crit * self.se
        return Interval(self.value, self.value - reach, self.value + reach)

    def z(self, null: float) -> float:
        """The statistic of "the mean is ``null`` or more"; negative speaks against it."""
        excess = self.value - null
        if self.se > 0.0:
            return excess / self.se
        return math.copysign(math.inf, excess) if excess else 0.0

    def labels_for(self, se: float) -> int:
        """How many labels, drawn as these were, would bring the standard error down to ``se``:
        all of them where nothing less will do."""
        room = se * se - self.sampling
        if self.labelling <= 0.0 or self.labels == self.items:
            return self.labels
        if room <= 0.0:
            return self.items
        # labelling = spread · (1/labels − 1/items)
        spread = self.labelling / (1.0 / self.labels - 1.0 / self.items)
        needed = math.ceil(1.0 / (room / spread + 1.0 / self.items) - 1e-9)
        return max(1, min(self.items, needed))


def ppi_mean(strata: Sequence[Stratum], unseen: float = UNSEEN) -> PpiMean:
    """The mean of the labels, had every item one.

    Parameters
    ----------
    strata : sequence of Stratum
        All items, each in one stratum. A stratum in which nobody labelled anything cannot be
        corrected and is refused; one in which all are labelled needs no judge.
    unseen : float, >= 0
        Pseudo-observations of a difference of 1 per stratum; 0 gives the plain estimate.

    Returns
    -------
    PpiMean

    Raises
    ------
    ValueError
        No items, or a stratum without labels.

    Notes
    -----
    With W the strata's shares and λ chosen to minimise the variance,

        Σ W · [ mean(λ·judged over all) + mean(truth − λ·judged over labelled) ].

    For one stratum this is PPI++'s estimator: its λ is this one divided by 1 + n/N, because there
    labelled and unlabelled items are two samples and here the one is drawn from the other. The
    variance is that of two-phase sampling: σ²(truth)/N + Σ W²·(1/n − 1/N)·s²(truth − λ·judged).

    Where errors of the judge are rare a sample of 50 labels may show none, and the plain
    variance then accepts a gap at the margin in up to 12 % of runs instead of 5. One
    pseudo-observation per stratum, and the score test on :meth:`PpiMean.counts`, hold the error
    (simulated, see ``docs/statistics.md``).

    References
    ----------
    A. N. Angelopoulos, J. C. Duchi, T. Zrnic, "PPI++: efficient prediction-powered inference",
    arXiv:2311.01453, 2023; A. Fisch et al., "Stratified prediction-powered inference for hybrid
    language model evaluation", arXiv:2406.04291, 2024; J. N. K. Rao, "On double sampling for
    stratification and analytical surveys", Biometrika 60:125-133, 1973.
    """
    filled = [s for s in strata if s.items]
    if not filled:
        raise ValueError("there are no items")
    if any(s.labels == 0 for s in filled):
        raise ValueError("a stratum without labels cannot be corrected")
    total = sum(s.items for s in filled)
    shares = [s.items / total for s in filled]
    power = _power(filled, shares)
    value = labelling = square = size = 0.0
    for stratum, share in zip(filled, shares, strict=True):
        rest = stratum.truth - power * stratum.judged
        value += share * float(power * stratum.all_judged.mean() + rest.mean())
        unsure = unseen if len(stratum.rest) else 0.0
        square += share * (float((stratum.truth**2).sum()) + unsure) / (stratum.labels + unsure)
        size += share * (float(np.abs(stratum.truth).sum()) + unsure) / (stratum.labels + unsure)
        labelling += share**2 * _unlabelled(stratum) * _spread(rest, unseen)
    return PpiMean(
        value=value,
        sampling=max(square - value * value, 0.0) / total,
        labelling=labelling,
        power=power,
        labels=sum(s.labels for s in filled if len(s.rest)),
        items=sum(s.items for s in filled if len(s.rest)),
        size=size,
    )


def _power(strata: Sequence[Stratum], shares: Sequence[float]) -> float:
    """The λ in [0, items/unlabelled] that minimises the variance over all strata together."""
    together = apart = 0.0
    for stratum, share in zip(strata, shares, strict=True):
        weight = share**2 * _unlabelled(stratum)
        if weight and stratum.labels > 1:
            centred = stratum.judged - stratum.judged.mean()
            together += weight * float((stratum.truth @ centred) / stratum.labels)
            apart += weight * float(stratum.all_judged.var(ddof=1))
    if apart <= 0.0:
        return 1.0
    most = 1.0
    if len(strata) == 1 and len(strata[0].rest):
        most = strata[0].items / len(strata[0].rest)
    return min(max(together / apart, 0.0), most)


def _unlabelled(stratum: Stratum) -> float:
    return 1.0 / stratum.labels - 1.0 / stratum.items


def _spread(values: Array, unseen: float) -> float:
    """The variance of ``values`` as if ``unseen`` more had stood a whole point away from 0."""
    count = len(values) + unseen
    mean = float(values.sum()) / count
    plain = (float(values @ values) + unseen) / count - mean * mean
    # One value alone shows no spread of its own; n − 1 where there is more than one.
    return max(plain, 0.0) * (len(values) / max(len(values) - 1, 1))
