"""The answer is JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from downroute.answers.json_value import find_json, read_json
from downroute.answers.same import same_json
from downroute.records import Answer, Json, Score
from downroute.scoring.scorer import PASS, fail


@dataclass(frozen=True, slots=True)
class JsonValid:
    """0 or 1: 1 where the whole answer is JSON (RFC 8259) as a program would parse it. With
    ``fenced: true`` one Markdown code fence around it is fine; with ``anywhere: true`` valid JSON
    inside prose is, too. What the JSON says does not count."""

    name: ClassVar[str] = "json_valid"
    needs_reference: ClassVar[bool] = False
    fenced: bool = False
    anywhere: bool = False

    def score(self, answer: Answer, reference: Json, request: Mapping[str, Json]) -> Score:  # noqa: ARG002
        if read_json(answer.text, fenced=self.fenced or self.anywhere) is not None:
            return PASS
        if self.anywhere:
            found = find_json(answer.text, repair=False)
            return PASS if found is not None else fail("there is no valid JSON in the answer")
        return fail("the answer is not JSON alone")

    def same(self, first: Answer, second: Answer) -> bool:
        valid = [self.score(answer, None, {}).value for answer in (first, second)]
        return valid[0] == valid[1] and same_json(first, second)
