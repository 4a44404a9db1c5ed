"""Do longer answers score higher? Judges and people often prefer length (Dubois et al. 2024).

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from downroute.records import Example, Json, Measurement
from downroute.stats.ranks import spearman
from downroute.study.pairs import Pair, shown

FEWEST = 20
"""Pairs below which no correlation is told."""

LEVEL = 0.01
"""A correlation that chance alone reaches less often than this is worth a warning."""


@dataclass(frozen=True, slots=True)
class LengthBias:
    """Over ``pairs`` pairs: the candidate's answers are ``ratio`` times as long as the baseline's
    (means of characters). ``correlation`` is Spearman's, between how much longer the candidate's
    answer is and how much better it scores, with its two-sided ``p_value``; ``None`` where either
    never varies."""

    pairs: int
    ratio: float
    correlation: float | None
    p_value: float | None

    @property
    def significant(self) -> bool:
        return self.p_value is not None and self.p_value < LEVEL

    def warning(self) -> str | None:
        """What to say of it; ``None`` where chance may have done it."""
        if not self.significant or self.correlation is None:
            return None
        which = "longer" if self.correlation > 0 else "shorter"
        return (
            f"{which} answers score higher (rank correlation {self.correlation:+.2f}, "
            f"p = {self.p_value:.1g}; the candidate's are {self.ratio:.2f} times as long): look "
            "whether the scorer is fond of length or the content differs"
        )

    def as_json(self) -> dict[str, Json]:
        return {
            "pairs": self.pairs,
            "ratio": self.ratio,
            "correlation": self.correlation,
            "p_value": self.p_value,
            "warning": self.warning(),
        }


def length_bias(
    pairs: Sequence[Pair], examples: Mapping[str, Example], measured: Sequence[Measurement]
) -> LengthBias | None:
    """The bias over the pairs whose difference is known; ``None`` where there are too few."""
    answers = {m.example_id: m.answer for m in measured}
    rows = [
        (
            len(shown(examples[p.example_id].baseline_answer)),
            len(shown(answers[p.example_id])),
            -p.difference,
        )
        for p in pairs
        if p.difference is not None and answers.get(p.example_id) is not None
    ]
    before = sum(first for first, _, _ in rows)
    if len(rows) < FEWEST or not before:
        return None
    longer = [second - first for first, second, _ in rows]
    better = [difference for _, _, difference in rows]
    ratio = sum(second for _, second, _ in rows) / before
    if len(set(longer)) < 2 or len(set(better)) < 2:
        return LengthBias(len(rows), ratio, None, None)
    return LengthBias(len(rows), ratio, *spearman(longer, better))
