"""A pattern is found in the answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from downroute.answers.final_value import final_value
from downroute.answers.same import same_final_text
from downroute.answers.schema import matches, pattern_fault
from downroute.errors import UsageError
from downroute.records import Answer, Json, Score
from downroute.scoring.scorer import PASS, fail


@dataclass(frozen=True, slots=True)
class Regex:
    """1 where ``pattern``, else the reference read as a pattern, is found anywhere in the answer
    (or in its JSON ``field``). Anchor it with ``^`` and ``$`` for the whole. The flavour is JSON
    Schema's and its time is bounded, see `answers.schema.matches`.

    Raises:
        UsageError: ``pattern`` is no such pattern.
    """

    name: ClassVar[str] = "regex"
    pattern: str | None = None
    field: str | None = None

    def __post_init__(self) -> None:
        fault = None if self.pattern is None else pattern_fault(self.pattern)
        if fault is not None:
            raise UsageError(fault)

    @property
    def needs_reference(self) -> bool:
        return self.pattern is None

    def score(self, answer: Answer, reference: Json, request: Mapping[str, Json]) -> Score:  # noqa: ARG002
        pattern = reference if self.pattern is None else self.pattern
        if not isinstance(pattern, str):
            return Score.unscored("there is no pattern: neither an option nor a reference")
        text = answer.text
        if self.field is not None:
            said = final_value(answer, self.field)
            if said.missing is not None:
                return fail(said.missing)
            text = said.text
        found = matches(text or "", pattern)
        if found is None:
            return Score.unscored(pattern_fault(pattern) or "no pattern")
        return PASS if found else fail("the pattern is not found")

    def same(self, first: Answer, second: Answer) -> bool:
        if self.field is None:
            return (first.text or "") == (second.text or "")
        return same_final_text(first, second, self.field, case=True)
