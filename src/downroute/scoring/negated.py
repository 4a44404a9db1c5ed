"""The opposite of a scorer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from downroute.records import Answer, Json, Score
from downroute.scoring.scorer import Scorer, is_slow


@dataclass(frozen=True, slots=True)
class Not:
    """0 to 1: 1 − the score that the scorer ``of`` gives. An answer that it cannot read passes
    here: ask for an answer beside it (``all_of: [word_count, {not_: …}]``). Unscored stays
    unscored."""

    name: ClassVar[str] = "not_"
    of: Scorer

    @property
    def needs_reference(self) -> bool:
        return self.of.needs_reference

    @property
    def slow(self) -> bool:
        return is_slow(self.of)

    def score(self, answer: Answer, reference: Json, request: Mapping[str, Json]) -> Score:
        inner = self.of.score(answer, reference, request)
        if inner.value is None:
            return inner
        return Score(1 - inner.value, f"{self.of.name} passes" if inner.value == 1 else None)

    def same(self, first: Answer, second: Answer) -> bool:
        return self.of.same(first, second)
