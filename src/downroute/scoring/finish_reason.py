"""The answer ended as it should."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from downroute.answers.truncation import CUT_OFF
from downroute.records import Answer, Json, Score
from downroute.scoring.scorer import PASS, fail


@dataclass(frozen=True, slots=True)
class FinishReason:
    """0 or 1: 1 where the answer's finish reason is one of ``values``; without ``values``, where it
    is none that means a missing end (length, content filter, …). Unscored where the upstream gave
    no reason."""

    name: ClassVar[str] = "finish_reason"
    needs_reference: ClassVar[bool] = False
    values: tuple[str, ...] = ()

    def score(self, answer: Answer, reference: Json, request: Mapping[str, Json]) -> Score:  # noqa: ARG002
        if answer.finish_reason is None:
            return Score.unscored("the upstream gave no finish reason")
        said = answer.finish_reason.lower()
        wanted = {value.lower() for value in self.values}
        ended = said in wanted if wanted else said not in CUT_OFF
        return PASS if ended else fail(f"it ended with '{said}'")

    def same(self, first: Answer, second: Answer) -> bool:
        one, other = first.finish_reason, second.finish_reason
        return (one and one.lower()) == (other and other.lower()) and first.text == second.text
