"""What to do about a check that keeps failing: a line for the instructions, or a schema that the
request brings along."""

from __future__ import annotations

import json
from collections.abc import Mapping

from downroute.records import CheckSpec, Json, Route

_LINES: Mapping[str, str] = {
    "not_empty": "Always give an answer; where you do not know it, say so in one sentence.",
    "not_truncated": "Keep the answer short enough to be finished.",
    "json_valid": "Answer with one JSON value and nothing else: no introduction, no code fence.",
    "json_schema": "Answer with JSON that follows the schema exactly: every required field, with "
    "the type it names, and none besides.",
    "tool_call_valid": "Call only the functions that are offered, with every required argument and "
    "none besides.",
    "code_parses": "Give complete code that runs as it stands, without placeholders.",
    "numbers_in_context": "Use only numbers that stand in the given text.",
    "quotes_in_context": "Quote word for word from the given text, and only from it.",
    "citations": "Name the source of every statement as you were asked to.",
}
_WITH_ARGUMENT: Mapping[str, str] = {
    "one_of": "Answer with exactly one of these and nothing else: {}.",
    "regex": "Answer in exactly this form (a regular expression): {}",
    "max_words": "Use at most {} words.",
    "min_words": "Use at least {} words.",
    "max_chars": "Use at most {} characters.",
    "min_chars": "Use at least {} characters.",
    "language": "Answer in this language: {}.",
    "script": "Answer in this writing system: {}.",
}
FORM = ("json_valid", "json_schema")
"""Checks of a form that providers can be asked to keep."""


def instruction(check: str, route: Route | None) -> str | None:
    """The line of instructions that asks for what ``check`` wants; ``None`` = there is none."""
    if check in _LINES:
        return _LINES[check]
    line, argument = _WITH_ARGUMENT.get(check), _argument(check, route)
    if line is None or argument is None:
        return None
    if isinstance(argument, (list, tuple)):
        return line.format(", ".join(map(str, argument)))
    if argument == "request":
        return "Answer in the language of the question."
    return line.format(argument)


def response_format(check: str, route: Route | None) -> str | None:
    """The request's ``response_format`` that makes the provider keep the form ``check`` wants, as
    lines of JSON; ``None`` where it does not ask for a form."""
    if check not in FORM:
        return None
    argument = _argument(check, route)
    schema = argument.get("schema", argument) if isinstance(argument, Mapping) else None
    if check != "json_schema" or not isinstance(schema, Mapping):
        return json.dumps({"response_format": {"type": "json_object"}}, indent=2)
    wanted = {"name": "answer", "strict": True, "schema": schema}
    body = {"response_format": {"type": "json_schema", "json_schema": wanted}}
    return json.dumps(body, indent=2, ensure_ascii=False)


def _argument(check: str, route: Route | None) -> Json:
    specs: tuple[CheckSpec, ...] = () if route is None else route.checks
    return next((s.argument for s in specs if s.name == check), None)
