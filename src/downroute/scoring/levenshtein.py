"""How few edits part the answer from the reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from rapidfuzz.distance import Levenshtein as Edits

from downroute.answers.label import folded
from downroute.errors import UsageError
from downroute.records import Answer, Json, Score
from downroute.scoring.scorer import require_share
from downroute.scoring.wording import same_wording, score_wording


@dataclass(frozen=True, slots=True)
class Levenshtein:
    """0 to 1: 1 − edits / length of the longer text, where an edit inserts, deletes or replaces
    one character; 1 is the reference letter for letter. Case (unless ``case: true``) and white
    space do not count. ``pass_at`` makes it 0 or 1; so does ``max_edits``, the number of edits
    allowed.

    Raises:
        UsageError: ``pass_at`` is outside (0, 1], ``max_edits`` is negative, or both are given.
    """

    name: ClassVar[str] = "levenshtein"
    needs_reference: ClassVar[bool] = True
    field: str | None = None
    case: bool = False
    pass_at: float | None = None
    max_edits: int | None = None

    def __post_init__(self) -> None:
        require_share(self.pass_at)
        if self.max_edits is not None and (self.max_edits < 0 or self.pass_at is not None):
            raise UsageError("max_edits is 0 or more, and stands without pass_at")

    def score(self, answer: Answer, reference: Json, request: Mapping[str, Json]) -> Score:  # noqa: ARG002
        return score_wording(answer, reference, self.field, self.pass_at, self._likeness)

    def same(self, first: Answer, second: Answer) -> bool:
        return same_wording(first, second, self.field, self._spelled)

    def _likeness(self, said: str, wanted: str) -> float:
        one, other = self._spelled(said), self._spelled(wanted)
        if self.max_edits is not None:
            return float(Edits.distance(one, other) <= self.max_edits)
        return float(Edits.normalized_similarity(one, other))

    def _spelled(self, text: str) -> str:
        return folded(text, case=self.case)
