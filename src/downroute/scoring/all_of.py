"""Every one of several scorers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from downroute.errors import UsageError
from downroute.records import Answer, Json, Score
from downroute.scoring.scorer import Scorer, is_slow


@dataclass(frozen=True, slots=True)
class AllOf:
    """0 to 1: the lowest of the scores that the scorers ``of`` give, so 1 only where all are
    satisfied. A part that fails (0) decides; else one that is unscored leaves all unscored.

    Raises:
        UsageError: ``of`` is empty.
    """

    name: ClassVar[str] = "all_of"
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
        failed = next((s for s in scores if s.value == 0), None)
        unscored = next((s for s in scores if s.value is None), None)
        return failed or unscored or min(scores, key=lambda s: s.value or 0.0)

    def same(self, first: Answer, second: Answer) -> bool:
        return all(part.same(first, second) for part in self.of)


def require_parts(parts: tuple[Scorer, ...]) -> None:
    """
    Raises:
        UsageError: there are none.
    """
    if not parts:
        raise UsageError("'of' names at least one scorer")


def scored_parts(
    parts: tuple[Scorer, ...], answer: Answer, reference: Json, request: Mapping[str, Json]
) -> list[Score]:
    """Each part's score, its reason with the part's name before it."""
    found = [(part.name, part.score(answer, reference, request)) for part in parts]
    return [Score(s.value, f"{name}: {s.reason}" if s.reason else None) for name, s in found]
