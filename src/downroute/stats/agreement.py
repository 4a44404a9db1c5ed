"""Do several graders say the same? Raw agreement, Cohen's kappa, Krippendorff's alpha.

Labels are nominal: any two different ones differ as much. What is not defined, because nothing
was graded twice or because only one label was ever given, is ``None``: agreement that could not
have failed is no evidence of any.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence

Labels = Mapping[str, Hashable]
"""One unit's labels by grader; graders who did not label it are absent."""


def raw_agreement(units: Iterable[Labels]) -> float | None:
    """The share of equal labels among all pairs of labels of one unit.

    Returns
    -------
    float in [0, 1] or None
        ``None`` where no unit has two labels.
    """
    same = pairs = 0.0
    for labels in units:
        count = len(labels)
        same += sum(n * (n - 1) / 2 for n in Counter(labels.values()).values())
        pairs += count * (count - 1) / 2
    return same / pairs if pairs else None


def cohen_kappa(pairs: Sequence[tuple[Hashable, Hashable]]) -> float | None:
    """Agreement of two graders beyond what their own label frequencies would give by chance.

    Parameters
    ----------
    pairs : sequence of (label, label)
        What the first and the second grader said of each unit both labelled.

    Returns
    -------
    float in [-1, 1] or None
        1 = always the same, 0 = as by chance; ``None`` where there are no pairs or both gave one
        and the same label throughout.

    References
    ----------
    J. Cohen, "A coefficient of agreement for nominal scales", Educational and Psychological
    Measurement 20:37-46, 1960.
    """
    n = len(pairs)
    if not n:
        return None
    first, second = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    observed = sum(a == b for a, b in pairs) / n
    expected = sum(first[label] * second[label] for label in first) / n**2
    return None if expected == 1.0 else (observed - expected) / (1.0 - expected)


def krippendorff_alpha(units: Iterable[Labels]) -> float | None:
    """Agreement of any number of graders, each of whom may have labelled only some units.

    Parameters
    ----------
    units : iterable of mappings
        Each unit's labels by grader. Units with fewer than two labels say nothing and are left
        out.

    Returns
    -------
    float <= 1 or None
        1 = always the same, 0 = as by chance; ``None`` where no unit has two labels or only one
        label was given.

    Notes
    -----
    Nominal: alpha = 1 - D_o / D_e over the coincidence matrix, in which each unit's ordered pairs
    of labels count 1 / (labels - 1).

    References
    ----------
    K. Krippendorff, "Computing Krippendorff's alpha-reliability", 2011 (its examples A and C
    are among the tests).
    """
    seen: Counter[Hashable] = Counter()
    apart = 0.0
    for labels in units:
        count = len(labels)
        if count < 2:
            continue
        by_label = Counter(labels.values())
        seen.update(by_label)
        apart += sum(n * (count - n) for n in by_label.values()) / (count - 1)
    total = sum(seen.values())
    by_chance = sum(n * (total - n) for n in seen.values())
    return None if not by_chance else 1.0 - (total - 1) * apart / by_chance
