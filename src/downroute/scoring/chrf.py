"""chrF of the answer against the references."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

from downroute.errors import UsageError
from downroute.records import Answer, Json, Score
from downroute.scoring.extra import load, require
from downroute.scoring.scorer import require_share
from downroute.scoring.wording import same_wording, score_against_all


@dataclass(frozen=True, slots=True)
class Chrf:
    """0 to 1: sacrebleu's sentence chrF / 100, an F-score (beta 2) of character n-grams up to 6, of
    the nearest reference; with ``word_order: 2`` chrF++, which counts words and pairs of words too.
    Works in any language without a tokenizer. ``pass_at`` makes it 0 or 1.

    Raises:
        UsageError: sacrebleu is not installed, ``word_order`` is negative or ``pass_at`` is outside
            (0, 1].
    """

    name: ClassVar[str] = "chrf"
    needs_reference: ClassVar[bool] = True
    field: str | None = None
    word_order: int = 0
    case: bool = True
    pass_at: float | None = None

    def __post_init__(self) -> None:
        require(self.name, "sacrebleu", "text")
        require_share(self.pass_at)
        if self.word_order < 0:
            raise UsageError("word_order is 0 or more")

    def score(self, answer: Answer, reference: Json, request: Mapping[str, Json]) -> Score:  # noqa: ARG002
        return score_against_all(answer, reference, self.field, self.pass_at, self._likeness)

    def same(self, first: Answer, second: Answer) -> bool:
        return same_wording(first, second, self.field, str.split)

    def _likeness(self, said: str, wanted: Sequence[str]) -> float:
        metric = _metric(self.word_order, self.case)
        return float(metric.sentence_score(said, list(wanted)).score) / 100


@lru_cache(maxsize=8)
def _metric(word_order: int, case: bool) -> Any:
    return load("sacrebleu").CHRF(word_order=word_order, lowercase=not case)
