"""The calls an answer makes are calls that can be made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from downroute.answers.schema import schema_fault, validate
from downroute.answers.tool_calls import parsed_calls
from downroute.prompts import tool_schemas
from downroute.records import Answer, Json, Score
from downroute.scoring.scorer import PASS, fail


@dataclass(frozen=True, slots=True)
class ToolCallSchema:
    """0 or 1: 1 where every call names a function that the request offers, with arguments that
    follow its schema. An answer without calls passes, unless the request's ``tool_choice`` or
    ``required: true`` asks for one. Whether the call is the right one does not count. Unscored
    where the request offers no functions or a schema of theirs cannot be used."""

    name: ClassVar[str] = "tool_call_schema"
    needs_reference: ClassVar[bool] = False
    required: bool = False

    def score(self, answer: Answer, reference: Json, request: Mapping[str, Json]) -> Score:  # noqa: ARG002
        schemas = tool_schemas(request)
        if not schemas:
            return Score.unscored("the request offers no functions")
        calls = parsed_calls(answer)
        if not calls and (self.required or _must_call(request)):
            return fail("no function is called")
        for call in calls:
            schema = schemas.get(call.name)
            if schema is None:
                return fail("a function is called that is not offered")
            if call.arguments is None:
                return fail(f"{call.name}: the arguments are no JSON object")
            fault = schema_fault(schema)
            if fault is not None:
                return Score.unscored(f"{call.name}: {fault}")
            verdict = validate(dict(call.arguments), schema)
            if not verdict.valid:
                return fail(f"{call.name}: {verdict.reason}")
        return PASS

    def same(self, first: Answer, second: Answer) -> bool:
        """Types count, so the arguments must be equal as written, not only by value."""
        one, other = ([(c.name, c.arguments) for c in a.tool_calls] for a in (first, second))
        return one == other and bool(one or first.text == second.text)


def _must_call(request: Mapping[str, Json]) -> bool:
    choice = request.get("tool_choice")
    return choice == "required" or isinstance(choice, Mapping)
