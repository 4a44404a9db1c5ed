"""How much of the reference the answer says in the same order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from rapidfuzz.distance import LCSseq

from downroute.answers.words import words
from downroute.records import Answer, Json, Score
from downroute.scoring.scorer import require_share
from downroute.scoring.wording import same_wording, score_wording


@dataclass(frozen=True, slots=True)
class RougeL:
    """0 to 1: ROUGE-L, from the longest common subsequence of words, without stemming (Lin 2004).
    ``measure``: ``f1`` (default), ``recall`` (how much of the reference is there) or ``precision``
    (how much of the answer is in the reference). Of several references the nearest counts.
    ``pass_at`` makes it 0 or 1.

    Raises:
        UsageError: ``pass_at`` is outside (0, 1].
    """

    name: ClassVar[str] = "rouge_l"
    needs_reference: ClassVar[bool] = True
    field: str | None = None
    measure: Literal["f1", "recall", "precision"] = "f1"
    pass_at: float | None = None

    def __post_init__(self) -> None:
        require_share(self.pass_at)

    def score(self, answer: Answer, reference: Json, request: Mapping[str, Json]) -> Score:  # noqa: ARG002
        return score_wording(answer, reference, self.field, self.pass_at, self._likeness)

    def same(self, first: Answer, second: Answer) -> bool:
        return same_wording(first, second, self.field, words)

    def _likeness(self, said: str, wanted: str) -> float | None:
        said_words, wanted_words = words(said), words(wanted)
        if not wanted_words:
            return None
        if not said_words:
            return 0.0
        common = LCSseq.similarity(said_words, wanted_words)
        if self.measure == "f1":
            return 2 * common / (len(said_words) + len(wanted_words))
        return common / len(wanted_words if self.measure == "recall" else said_words)
