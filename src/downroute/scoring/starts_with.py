"""The answer begins with given words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from downroute.answers.final_value import as_text, final_reference
from downroute.answers.label import folded
from downroute.records import Answer, Json, Score
from downroute.scoring.scorer import PASS, acceptable, fail


@dataclass(frozen=True, slots=True)
class StartsWith:
    """0 or 1: 1 where the answer's text begins with one of ``values``, else with the reference,
    whatever the white space and case; ``case: true`` makes case count."""

    name: ClassVar[str] = "starts_with"
    values: tuple[str | int | float | bool, ...] = ()
    case: bool = False

    @property
    def needs_reference(self) -> bool:
        return not self.values

    def score(self, answer: Answer, reference: Json, request: Mapping[str, Json]) -> Score:  # noqa: ARG002
        wanted: list[Json] = list(self.values)
        if not wanted:
            final = final_reference(reference)
            if final.missing is not None:
                return Score.unscored(final.missing)
            wanted = list(acceptable(final.value))
        texts = [text for text in (self._written(as_text(value)) for value in wanted) if text]
        if not texts:
            return Score.unscored("the reference is empty")
        begins = self._written(answer.text or "").startswith(tuple(texts))
        return PASS if begins else fail("it begins with other words")

    def same(self, first: Answer, second: Answer) -> bool:
        return self._written(first.text or "") == self._written(second.text or "")

    def _written(self, text: str) -> str:
        return folded(text, case=self.case)
