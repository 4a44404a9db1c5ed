"""The answer, where the context it had to be found in holds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from downroute.answers.context import context_text, support
from downroute.answers.final_value import as_text, final_reference
from downroute.errors import UsageError
from downroute.records import Answer, Json, Score
from downroute.scoring.contains import Contains
from downroute.scoring.scorer import Scorer, acceptable, is_slow


@dataclass(frozen=True, slots=True)
class AnswerInContext:
    """The score of the scorer ``of`` (``contains``), in its range, where the request's own text
    supports the reference; unscored where it does not, since then retrieval failed, not the model.

    Supported: a reference of up to three words stands in the text; of a longer one at least
    ``support`` of its words and figures do. Yes, no and the like are taken as supported: wording
    cannot tell. For answers that are found in the context, not worked out from it.

    Raises:
        UsageError: ``support`` is outside [0, 1], or ``of`` needs no reference.
    """

    name: ClassVar[str] = "answer_in_context"
    needs_reference: ClassVar[bool] = True
    of: Scorer = field(default_factory=Contains)
    support: float = 0.6

    def __post_init__(self) -> None:
        if not 0 <= self.support <= 1:
            raise UsageError(f"support is a share from 0 to 1, not {self.support:g}")
        if not self.of.needs_reference:
            raise UsageError(f"'{self.of.name}' needs no reference, so the context has no say")

    @property
    def slow(self) -> bool:
        return is_slow(self.of)

    def score(self, answer: Answer, reference: Json, request: Mapping[str, Json]) -> Score:
        wanted = final_reference(reference)
        if wanted.missing is not None:
            return Score.unscored(wanted.missing)
        context = context_text(request)
        found = [support(as_text(value), context) for value in acceptable(wanted.value)]
        if not any(share is None or share >= self.support for share in found):
            return Score.unscored("the context does not hold the reference: retrieval failed")
        return self.of.score(answer, reference, request)

    def same(self, first: Answer, second: Answer) -> bool:
        return self.of.same(first, second)
