"""At least one of several scorers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from downroute.records import Answer, Json, Score
from downroute.scoring.all_of import require_parts, scored_parts
from downroute.scoring.scorer import Scorer, is_slow


@dataclass(frozen=True, slots=True)
class AnyOf:
    """0 to 1: the highest of the scores that the scorers ``of`` give, so one that is satisfied is
    enough. A part that passes (1) decides; else one that is unscored leaves all unscored.

    Raises:
        UsageError: ``of`` is empty.
    """

    name: ClassVar[str] = "any_of"
    of: tuple[Scorer, ...]

    def __post_init__(self) -> None:
        require_parts(self.of)

    @property
    def slow(self) -> bool:
        return any(is_slow(part) for part in self.of)

    @property
    def needs_reference(self) -> bool:
        return any(part.needs_reference for part in self.of)

    def score(self, answer: Answer, reference: Json, request: Mapping[str, Json]) -> Score:
        scores = scored_parts(self.of, answer, reference, request)
        passed = next((s for s in scores if s.value == 1), None)
        unscored = next((s for s in scores if s.value is None), None)
        return passed or unscored or max(scores, key=lambda s: s.value or 0.0)

    def same(self, first: Answer, second: Answer) -> bool:
        return all(part.same(first, second) for part in self.of)
