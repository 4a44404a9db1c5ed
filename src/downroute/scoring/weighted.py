"""A rubric: several scorers, each with its weight."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from downroute.errors import UsageError
from downroute.records import Answer, Json, Score
from downroute.scoring.all_of import require_parts, scored_parts
from downroute.scoring.scorer import Scorer, graded, is_slow, require_share


@dataclass(frozen=True, slots=True)
class Weighted:
    """0 to 1: the mean of the scores that the scorers ``of`` give, each with its weight of
    ``weights`` (in the same order; all equal where it is left out). ``pass_at`` makes it 0 or 1. A
    part that is unscored leaves all unscored: its share is not known.

    Raises:
        UsageError: ``of`` is empty, the weights are not as many, one is negative, or all are 0;
            ``pass_at`` is outside (0, 1].
    """

    name: ClassVar[str] = "weighted"
    of: tuple[Scorer, ...]
    weights: tuple[float, ...] = ()
    pass_at: float | None = None

    def __post_init__(self) -> None:
        require_parts(self.of)
        require_share(self.pass_at)
        if self.weights and len(self.weights) != len(self.of):
            raise UsageError(f"{len(self.of)} scorers have {len(self.weights)} weights")
        usable = all(weight >= 0 and math.isfinite(weight) for weight in self.weights)
        if not usable or (self.weights and not any(self.weights)):
            raise UsageError("a weight is 0 or more, and one of them above 0")

    @property
    def slow(self) -> bool:
        return any(is_slow(part) for part in self.of)

    @property
    def needs_reference(self) -> bool:
        return any(part.needs_reference for part in self.of)

    def score(self, answer: Answer, reference: Json, request: Mapping[str, Json]) -> Score:
        scores = scored_parts(self.of, answer, reference, request)
        unscored = next((s for s in scores if s.value is None), None)
        if unscored is not None:
            return unscored
        weights = self.weights or (1.0,) * len(scores)
        mean = sum(w * (s.value or 0.0) for w, s in zip(weights, scores, strict=True))
        lost = [s for w, s in zip(weights, scores, strict=True) if w and s.value != 1]
        told = "; ".join(f"{s.value:.2f} {s.reason or ''}".strip() for s in lost)
        return graded(mean / sum(weights), self.pass_at, told or None)

    def same(self, first: Answer, second: Answer) -> bool:
        return all(part.same(first, second) for part in self.of)
