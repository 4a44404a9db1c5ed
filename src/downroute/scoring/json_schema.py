"""The answer is JSON that follows a schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from downroute.answers.json_value import read_json
from downroute.answers.same import same_json
from downroute.answers.schema import schema_fault, validate
from downroute.errors import UsageError
from downroute.prompts import response_schema
from downroute.records import Answer, Json, Score
from downroute.scoring.scorer import PASS, fail


@dataclass(frozen=True, slots=True)
class JsonSchema:
    """1 where the answer is JSON that follows ``schema``, else the request's ``response_format``
    schema. The whole answer must be JSON, because that is what a program behind it parses; with
    ``fenced: true`` one Markdown code fence around it is fine too. Prose around it never is.

    Raises:
        UsageError: ``schema`` is no usable JSON Schema.
    """

    name: ClassVar[str] = "json_schema"
    needs_reference: ClassVar[bool] = False
    schema: Mapping[str, Json] | bool | None = None
    fenced: bool = False

    def __post_init__(self) -> None:
        fault = None if self.schema is None else schema_fault(self.schema)
        if fault is not None:
            raise UsageError(fault)

    def score(self, answer: Answer, reference: Json, request: Mapping[str, Json]) -> Score:  # noqa: ARG002
        schema = response_schema(request) if self.schema is None else self.schema
        if schema is None:
            return Score.unscored("neither the request nor the scorer has a schema")
        fault = schema_fault(schema)
        if fault is not None:
            return Score.unscored(fault)
        found = read_json(answer.text, fenced=self.fenced)
        if found is None:
            return fail("the answer is not JSON alone")
        verdict = validate(found.value, schema)
        return PASS if verdict.valid else fail(verdict.reason or "breaks the schema")

    def same(self, first: Answer, second: Answer) -> bool:
        one = read_json(first.text, fenced=self.fenced)
        other = read_json(second.text, fenced=self.fenced)
        return (one is None) == (other is None) and same_json(first, second)
