"""The answer is one of a set of labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from downroute.answers.final_value import as_text, final_reference, final_value
from downroute.answers.label import label
from downroute.answers.same import same_final_text
from downroute.records import Answer, Json, Score
from downroute.scoring.scorer import PASS, acceptable, fail


@dataclass(frozen=True, slots=True)
class OneOf:
    """1 where the answer (or its JSON ``field``) is one of ``labels``; without ``labels``, one of
    those that the reference lists. Labels are compared as `answers.label` writes them: without
    Markdown, quotes, closing punctuation and case. That an answer is an allowed label does not
    make it the right one: with one right label per example use ``exact``."""

    name: ClassVar[str] = "one_of"
    labels: tuple[str | int | float | bool, ...] = ()
    field: str | None = None

    @property
    def needs_reference(self) -> bool:
        return not self.labels

    def score(self, answer: Answer, reference: Json, request: Mapping[str, Json]) -> Score:  # noqa: ARG002
        allowed: list[Json] = list(self.labels)
        if not allowed:
            wanted = final_reference(reference, self.field)
            if wanted.missing is not None:
                return Score.unscored(wanted.missing)
            allowed = list(acceptable(wanted.value))
        said = final_value(answer, self.field)
        if said.text is None:
            return fail(said.missing or "no value")
        if label(said.text) in {label(as_text(entry)) for entry in allowed}:
            return PASS
        return fail("none of the labels")

    def same(self, first: Answer, second: Answer) -> bool:
        return same_final_text(first, second, self.field)
