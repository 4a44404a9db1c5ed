"""The answer's number is the reference's number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from downroute.answers.final_value import as_text, final_reference, final_value
from downroute.answers.label import same_text
from downroute.answers.number import as_number
from downroute.answers.same import same_number
from downroute.errors import UsageError
from downroute.records import Answer, Json, Score
from downroute.scoring.scorer import PASS, acceptable, fail


@dataclass(frozen=True, slots=True)
class NumberScorer:
    """1 where the number in the answer (or in its JSON ``field``) is the reference's. Equal means
    within ``tolerance`` (absolute) or ``relative`` (0.01 = one percent of the reference); by
    default only rounding of floats is forgiven. ``50 %`` equals 50 and 0.5. What is read as a
    number, and which of several, is said in `answers.number`. A list of references accepts any.

    A short reference with digits that is no plain number (``221_3``, ``12:30``) is compared as
    text; any other reference without a number leaves the answer unscored.

    Raises:
        UsageError: a tolerance is negative.
    """

    name: ClassVar[str] = "number"
    needs_reference: ClassVar[bool] = True
    field: str | None = None
    tolerance: float = 0.0
    relative: float = 0.0

    def __post_init__(self) -> None:
        if self.tolerance < 0 or self.relative < 0:
            raise UsageError("a tolerance is 0 or more")

    def score(self, answer: Answer, reference: Json, request: Mapping[str, Json]) -> Score:  # noqa: ARG002
        wanted = final_reference(reference, self.field)
        if wanted.missing is not None:
            return Score.unscored(wanted.missing)
        numbers = [n for n in map(as_number, acceptable(wanted.value)) if n is not None]
        if not numbers and not _is_figure(wanted.value):
            return Score.unscored("the reference states no number")
        final = final_value(answer, self.field)
        if final.missing is not None:
            return fail(final.missing)
        if not numbers:
            alike = same_text(as_text(final.value), as_text(wanted.value))
            return PASS if alike else fail("not the reference, which is no plain number")
        said = as_number(final.value)
        if said is None:
            return fail("the answer states no number")
        if any(said.is_close(n, absolute=self.tolerance, relative=self.relative) for n in numbers):
            return PASS
        return fail("another number")

    def same(self, first: Answer, second: Answer) -> bool:
        return same_number(first, second, self.field)


def _is_figure(value: Json) -> bool:
    text = value if isinstance(value, str) else ""
    return len(text.split()) <= 3 and any(c.isdigit() for c in text)
