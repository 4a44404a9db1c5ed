"""The answer is in the right language."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from downroute.answers.final_value import as_text, final_reference, final_value
from downroute.records import Answer, Json, Score
from downroute.scoring.extra import load, require
from downroute.scoring.scorer import PASS, acceptable, fail
from downroute.scoring.wording import same_wording

_CODE = re.compile(r"[a-z]{2}(?:[-_][A-Za-z]{2,4})?")


@dataclass(frozen=True, slots=True)
class Language:
    """0 or 1: 1 where py3langid takes the answer (or its JSON ``field``) for one of the languages
    ``codes`` (ISO 639-1, such as ``de``); without ``codes``, for the language the reference names
    or is written in. An answer of fewer than ``min_chars`` letters tells nothing and is unscored.
    What the answer says does not count.

    Raises:
        UsageError: py3langid is not installed.
    """

    name: ClassVar[str] = "language"
    codes: tuple[str, ...] = ()
    field: str | None = None
    min_chars: int = 20

    def __post_init__(self) -> None:
        require(self.name, "py3langid", "language")

    @property
    def needs_reference(self) -> bool:
        return not self.codes

    def score(self, answer: Answer, reference: Json, request: Mapping[str, Json]) -> Score:  # noqa: ARG002
        wanted = {_base(code) for code in self.codes} or self._of_reference(reference)
        if not wanted:
            return Score.unscored("the reference neither names nor shows a language")
        said = final_value(answer, self.field)
        if said.text is None:
            return fail(said.missing or "the answer has no text")
        if not self._tells(said.text):
            return Score.unscored("the answer is too short to tell its language")
        found = _language(said.text)
        return PASS if found in wanted else fail(f"it reads as {found}")

    def same(self, first: Answer, second: Answer) -> bool:
        return same_wording(first, second, self.field, str.split)

    def _of_reference(self, reference: Json) -> set[str]:
        texts = [as_text(v) for v in acceptable(final_reference(reference).value) if v is not None]
        named = {_base(text) for text in texts if _CODE.fullmatch(text.strip())}
        return named or {_language(text) for text in texts if self._tells(text)}

    def _tells(self, text: str) -> bool:
        return sum(map(str.isalpha, text)) >= self.min_chars


def _base(code: str) -> str:
    return re.split("[-_]", code.strip().lower())[0]


@lru_cache(maxsize=4096)
def _language(text: str) -> str:
    return str(load("py3langid").classify(text)[0])
