"""The label an answer names is the reference's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from downroute.answers.final_value import as_text, final_reference, final_value
from downroute.answers.label import folded, label
from downroute.answers.same import same_final_text
from downroute.records import Answer, Json, Score
from downroute.scoring.contains import has_words
from downroute.scoring.scorer import PASS, acceptable, fail


@dataclass(frozen=True, slots=True)
class LabelScorer:
    """0 or 1: 1 where the answer (or its JSON ``field``) names the reference's label. With
    ``labels`` (all that the task knows) the label is found in a sentence, too, if the answer names
    exactly one of them; one that names several, or none, fails. Without, the answer must come to
    the label alone, as for ``exact``."""

    name: ClassVar[str] = "label"
    needs_reference: ClassVar[bool] = True
    labels: tuple[str | int | float | bool, ...] = ()
    field: str | None = None

    def score(self, answer: Answer, reference: Json, request: Mapping[str, Json]) -> Score:  # noqa: ARG002
        wanted = final_reference(reference, self.field)
        if wanted.missing is not None:
            return Score.unscored(wanted.missing)
        right = {label(as_text(value)) for value in acceptable(wanted.value)}
        if self.labels and not right <= self._known():
            return Score.unscored("the reference is none of the labels")
        said = final_value(answer, self.field)
        if said.text is None:
            return fail(said.missing or "no value")
        named = self._named(said.text)
        if named is None:
            return fail("it names none of the labels, or several")
        return PASS if named in right else fail("another label")

    def same(self, first: Answer, second: Answer) -> bool:
        said = [final_value(answer, self.field).text for answer in (first, second)]
        one, other = (None if text is None else self._named(text) for text in said)
        if one is None or other is None:
            return one is other and same_final_text(first, second, self.field)
        return one == other

    def _known(self) -> frozenset[str]:
        return frozenset(label(as_text(value)) for value in self.labels)

    def _named(self, text: str) -> str | None:
        whole, known = label(text), self._known()
        if not known or whole in known:
            return whole
        for part in (whole, folded(text)):
            found = _longest({entry for entry in known if has_words(entry, part)}, part)
            if len(found) == 1:
                return found.pop()
        return None


def _longest(found: set[str], text: str) -> set[str]:
    """Without labels that are named only as a part of longer ones: ``bug`` in ``no bug``."""
    longest = set(found)
    for entry in found:
        rest = text
        for longer in found:
            if entry != longer and entry in longer:
                rest = rest.replace(longer, " ")
        if not has_words(entry, rest):
            longest.discard(entry)
    return longest
