"""PURE: the tool calls of an answer, parsed, and the form in which their arguments are compared."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import msgspec

from downroute.answers.json_value import read_json
from downroute.prompts import canonical_json
from downroute.records import Answer, Json, ToolCall

_IGNORED = re.compile(r"[\s,./_*^'-]")
_NUMERIC = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?")


class ParsedCall(msgspec.Struct, frozen=True):
    """A call with its arguments as an object, ``None`` where their text is no JSON object."""

    name: str
    arguments: Mapping[str, Json] | None


def parsed_calls(answer: Answer) -> tuple[ParsedCall, ...]:
    """The calls of ``answer`` in their order. No text at all stands for no arguments."""
    return tuple(ParsedCall(call.name, _arguments(call)) for call in answer.tool_calls)


def plain_value(value: Json) -> Json:
    """A value in the form in which arguments are compared: strings without case, white space and
    ``,./-_*^'``, but with sign and point where the string is a number ("-1.5" is not "15");
    numbers by value, apart from ``true`` and ``false``."""
    if isinstance(value, str):
        if _NUMERIC.fullmatch(value):
            return value.rstrip("0").rstrip(".") if "." in value else value
        return _IGNORED.sub("", value).casefold()
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {str(k): plain_value(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_value(v) for v in value]
    return value


def calls_key(answer: Answer) -> tuple[str, ...]:
    """Equal for answers with the same calls, in whatever order and spelling."""
    return tuple(sorted(calls_in_order(answer)))


def calls_in_order(answer: Answer) -> tuple[str, ...]:
    """Equal for answers with the same calls in the same order, in whatever spelling."""
    keys = []
    for call, raw in zip(parsed_calls(answer), answer.tool_calls, strict=True):
        arguments = raw.arguments if call.arguments is None else plain_value(call.arguments)
        keys.append(canonical_json([call.name, arguments]))
    return tuple(keys)


def _arguments(call: ToolCall) -> Mapping[str, Json] | None:
    if not call.arguments.strip():
        return {}
    found = read_json(call.arguments)
    if found is not None:
        return found.value if isinstance(found.value, dict) else None
    try:
        # Python's reader also takes NaN, which models do write.
        value = json.loads(call.arguments)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
