"""The answer is the reference, word for word, after the spelling of short answers is evened out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from downroute.answers.final_value import as_text, final_reference, final_value
from downroute.answers.label import option_letter, plain, same_text
from downroute.answers.same import same_final_text
from downroute.records import Answer, Json, Score
from downroute.scoring.scorer import PASS, acceptable, fail


@dataclass(frozen=True, slots=True)
class Exact:
    """1 where the answer (or its JSON ``field``) says what the reference says. Markdown, quotes,
    white space, a leading "Answer:", closing punctuation and case do not count; ``case: true``
    makes case count. A reference in quotes or brackets always counts case. Where the reference is
    a single letter, ``B) Paris`` is B. A list of references accepts any of them."""

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
        if any(self._equal(said.text, as_text(value)) for value in acceptable(wanted.value)):
            return PASS
        if as_text(said.value) == as_text(wanted.value):
            return PASS
        return fail("not the reference")

    def same(self, first: Answer, second: Answer) -> bool:
        return same_final_text(first, second, self.field, case=self.case)

    def _equal(self, said: str, wanted: str) -> bool:
        if self.case:
            return plain(said) == plain(wanted)
        if same_text(said, wanted):
            return True
        single = len(wanted.strip()) == 1 and wanted.strip().isalpha()
        return single and option_letter(said) == wanted.strip().upper()
