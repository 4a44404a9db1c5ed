"""How often a judge is wrong, from labels drawn with known probabilities, and whether it is wrong
equally often about two models."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from downroute.stats.normal import ndtr

Z_95 = 1.959964


@dataclass(frozen=True, slots=True)
class Rate:
    """A share with its 95 % interval. ``wrong`` of ``labels`` are plain counts; ``value`` weights
    them by how many items each stands for, and ``effective`` is the number of equally weighted
    labels that would say as much (Kish). Without labels nothing is known: ``value`` is ``None``."""

    wrong: int
    labels: int
    value: float | None
    low: float
    high: float
    effective: float


def error_rate(wrong: Sequence[bool], weights: Sequence[float]) -> Rate:
    """The weighted share of ``wrong`` with Wilson's interval at the effective number of labels.

    Parameters
    ----------
    wrong : sequence of bool
        Of each label, whether the judge was wrong.
    weights : sequence of float, > 0
        One over the probability that this label was drawn.

    References
    ----------
    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA
    22:209-212, 1927; L. Kish, "Survey Sampling", 1965 (the effective sample size).
    """
    total = sum(weights)
    if total <= 0.0:
        return Rate(0, 0, None, 0.0, 1.0, 0.0)
    share = sum(w for bad, w in zip(wrong, weights, strict=True) if bad) / total
    effective = total * total / sum(w * w for w in weights)
    z2 = Z_95 * Z_95
    middle = (share + z2 / (2 * effective)) / (1 + z2 / effective)
    reach = (
        Z_95
        * math.sqrt(share * (1 - share) / effective + z2 / (4 * effective * effective))
        / (1 + z2 / effective)
    )
    low, high = max(0.0, middle - reach), min(1.0, middle + reach)
    return Rate(sum(wrong), len(weights), share, min(low, share), max(high, share), effective)


def differing_p(first: Rate, second: Rate) -> float | None:
    """The two-sided p-value of "both rates are the same", by the pooled score test of two
    proportions at their effective numbers; ``None`` where one of them is not known."""
    if first.value is None or second.value is None:
        return None
    both = first.effective + second.effective
    pooled = (first.value * first.effective + second.value * second.effective) / both
    variance = pooled * (1 - pooled) * (1 / first.effective + 1 / second.effective)
    if variance <= 0.0:
        return 1.0
    z = (first.value - second.value) / math.sqrt(variance)
    return float(2.0 * ndtr(-abs(z)))
