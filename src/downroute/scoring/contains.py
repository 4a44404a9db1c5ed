"""The answer contains given words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from downroute.answers.final_value import as_text, final_reference
from downroute.answers.label import folded
from downroute.records import Answer, Json, Score
from downroute.scoring.scorer import PASS, acceptable, fail


@dataclass(frozen=True, slots=True)
class Contains:
    """1 where the answer's text contains ``values``, else the reference, as whole words, whatever
    the case and white space: ``18`` is not in ``118``. Of several values one is enough;
    ``all: true`` wants them all. ``case: true`` makes case count, ``words: false`` finds parts of
    words too."""

    name: ClassVar[str] = "contains"
    values: tuple[str | int | float | bool, ...] = ()
    all: bool = False
    case: bool = False
    words: bool = True

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
        said = self._written(answer.text or "")
        found = [has_words(text, said, words=self.words) for text in texts]
        if all(found) if self.all else any(found):
            return PASS
        return fail(f"{len(found) - sum(found)} of {len(found)} values are not in the answer")

    def same(self, first: Answer, second: Answer) -> bool:
        return self._written(first.text or "") == self._written(second.text or "")

    def _written(self, text: str) -> str:
        return folded(text, case=self.case)


def has_words(wanted: str, text: str, *, words: bool = True) -> bool:
    """Whether ``text`` has ``wanted`` in it, between word ends unless ``words`` is false."""
    at = text.find(wanted)
    while at >= 0:
        end = at + len(wanted)
        if not words or not (_joined(text, at) or _joined(text, end)):
            return True
        at = text.find(wanted, at + 1)
    return False


def _joined(text: str, at: int) -> bool:
    """Whether a word goes on across position ``at``. Scripts without spaces have no such words."""
    return 0 < at < len(text) and all(c.isalnum() and c < "\u2e80" for c in text[at - 1 : at + 1])
