"""The answer is as long as asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from downroute.answers.words import word_count
from downroute.errors import UsageError
from downroute.records import Answer, Json, Score
from downroute.scoring.scorer import PASS, fail


@dataclass(frozen=True, slots=True)
class WordCount:
    """0 or 1: 1 where the answer has at least ``min`` and at most ``max`` words; characters are
    counted in scripts without spaces. Length says nothing of what is said: combine it.

    Raises:
        UsageError: a bound is negative, or ``min`` is above ``max``.
    """

    name: ClassVar[str] = "word_count"
    needs_reference: ClassVar[bool] = False
    min: int = 1
    max: int | None = None

    def __post_init__(self) -> None:
        if self.min < 0 or (self.max is not None and self.max < self.min):
            raise UsageError("min is 0 or more, and max is no less than min")

    def score(self, answer: Answer, reference: Json, request: Mapping[str, Json]) -> Score:  # noqa: ARG002
        count = word_count(answer.text or "")
        if count < self.min:
            return fail(f"{count} words, {self.min} or more wanted")
        if self.max is not None and count > self.max:
            return fail(f"{count} words, {self.max} or fewer wanted")
        return PASS

    def same(self, first: Answer, second: Answer) -> bool:
        return (first.text or "").split() == (second.text or "").split()
