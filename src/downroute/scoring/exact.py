"""The answer is the reference, word for word, after the spelling of short answers is evened out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from downroute.answers.final_value import as_text, final_reference, final_value, is_number
from downroute.answers.label import option_letter, plain, same_text
from downroute.answers.same import same_final_text
from downroute.records import Answer, Json, Score
from downroute.scoring.scorer import PASS, acceptable, fail


@dataclass(frozen=True, slots=True)
class Exact:
    """1 where the answer (or its JSON ``field``) says what the reference says. Markdown, quotes,
    white space, a leading "Answer:", closing punctuation and case do not count; ``case: true``
    makes case count. A reference in quotes or brackets always counts case. JSON numbers are
    compared by value, numbers written as text as text (13.110 is not 13.11; the scorer ``number``
    compares values). Where the reference is a single letter, ``B) Paris`` is B. A list of
    references accepts any of them."""

    name: ClassVar[str] = "exact"
    needs_reference: ClassVar[bool] = True
    field: str | None = None
    case: bool = False

    def score(self, answer: Answer, reference: Json, request: Mapping[str, Json]) -> Score:  # noqa: ARG002
        wanted = final_reference(reference, self.field)
        if wanted.missing is not None:
            return Score.unscored(wanted.missing)
        said = final_value(answer, self.field)
        if said.text is None:
            return fail(said.missing or "")
        options = [*acceptable(wanted.value), wanted.value]
        equal = any(self._equal(said.value, value) for value in options)
        return PASS if equal else fail("not the reference")

    def same(self, first: Answer, second: Answer) -> bool:
        return same_final_text(first, second, self.field, case=self.case)

    def _equal(self, said: Json, wanted: Json) -> bool:
        text, wanted_text = as_text(said), as_text(wanted)
        if (is_number(said) or is_number(wanted)) and _equal_decimals(text, wanted_text):
            return True
        if self.case:
            return plain(text) == plain(wanted_text)
        if same_text(text, wanted_text):
            return True
        letter = wanted_text.strip()
        return len(letter) == 1 and letter.isalpha() and option_letter(text) == letter.upper()


def _equal_decimals(one: str, other: str) -> bool:
    """A JSON number has no spelling, so 18.50 is 18.5 wherever one of the two is one."""
    try:
        return float(one) == float(other)
    except ValueError:
        return False
