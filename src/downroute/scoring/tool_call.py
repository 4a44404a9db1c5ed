"""The answer makes the right function calls with acceptable arguments."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from downroute.answers.tool_calls import ParsedCall, calls_key, parsed_calls, plain_value
from downroute.prompts import tool_schemas
from downroute.records import Answer, Json, Score
from downroute.scoring.scorer import PASS, fail


@dataclass(frozen=True, slots=True)
class ToolCallScorer:
    """1 where the calls are the reference's, in any order: the same functions, each argument one
    of its acceptable values, nothing left out that is needed and nothing added.

    The reference is a list of ``{"name", "arguments": {ARGUMENT: values}}`` (OpenAI's
    ``{"function": …}`` and arguments as JSON text are read too). ``values`` is a list of acceptable
    values, in which ``""`` means that the argument may be left out, or one plain value. ``[]`` =
    no call is right. Strings are compared without case, white space and ``,./-_*^'``, numbers by
    value; ``"5"`` is not 5 and ``true`` is not 1.
    """

    name: ClassVar[str] = "tool_call"
    needs_reference: ClassVar[bool] = True

    def score(self, answer: Answer, reference: Json, request: Mapping[str, Json]) -> Score:
        wanted = wanted_calls(reference)
        if wanted is None:
            return Score.unscored("the reference is no list of calls with name and arguments")
        made = parsed_calls(answer)
        if len(made) != len(wanted):
            return fail(f"{len(made)} calls made, {len(wanted)} wanted")
        defaults = {name: _defaults(schema) for name, schema in tool_schemas(request).items()}
        faults = [
            [call_fault(call, want, defaults.get(want.name, {})) for call in made]
            for want in wanted
        ]
        if _matched(faults):
            return PASS
        return fail(_nearest_fault(faults))

    def same(self, first: Answer, second: Answer) -> bool:
        return calls_key(first) == calls_key(second)


@dataclass(frozen=True, slots=True)
class WantedCall:
    """One call of a reference: per argument its acceptable values, or one plain value."""

    name: str
    arguments: Mapping[str, Json]


def wanted_calls(reference: Json) -> list[WantedCall] | None:
    """The calls that a reference wants; ``None`` where it is no such reference."""
    if isinstance(reference, Mapping):
        reference = [reference]
    if not isinstance(reference, Sequence) or isinstance(reference, str):
        return None
    wanted = [_wanted(entry) for entry in reference]
    return None if None in wanted else [call for call in wanted if call is not None]


def call_fault(call: ParsedCall, wanted: WantedCall, defaults: Mapping[str, Json]) -> str | None:
    """Why ``call`` is not the wanted one; ``None`` where it is. ``defaults`` are the values that
    the function's schema gives to arguments that are left out."""
    if call.name != wanted.name:
        return f"{wanted.name} is not called"
    if call.arguments is None:
        return f"{call.name}: the arguments are no JSON object"
    fault = _arguments_fault(call.arguments, wanted.arguments, defaults)
    return None if fault is None else f"{call.name}: {fault}"


def _arguments_fault(
    given: Mapping[str, Json], wanted: Mapping[str, Json], defaults: Mapping[str, Json]
) -> str | None:
    for name, value in given.items():
        if name in wanted:
            if not (_accepted(value, wanted[name]) or _is_left_out(value, wanted[name])):
                return f"'{name}' has another value"
        elif value is not None and not (name in defaults and _equal(value, defaults[name])):
            return f"'{name}' is not wanted"
    for name, values in wanted.items():
        by_default = name in defaults and _accepted(defaults[name], values)
        if name not in given and not (by_default or _may_be_left_out(values)):
            return f"'{name}' is missing"
    return None


def _wanted(entry: Json) -> WantedCall | None:
    if isinstance(entry, Mapping) and isinstance(entry.get("function"), Mapping):
        entry = entry["function"]
    if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
        return None
    arguments = entry.get("arguments", {})
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments or "{}")
        except ValueError:
            return None
    return WantedCall(entry["name"], arguments) if isinstance(arguments, Mapping) else None


def _may_be_left_out(values: Json) -> bool:
    return values == "" or (isinstance(values, list) and "" in values)


def _is_left_out(value: Json, values: Json) -> bool:
    """``null`` for an argument that may be left out is how some models leave it out."""
    return value is None and _may_be_left_out(values)


def _accepted(given: Json, values: Json) -> bool:
    """``given`` is one of ``values``, or is ``values``: a reference that lists plain arguments has
    lists, too, and the two kinds cannot be told apart."""
    if isinstance(values, list) and any(_equal(given, value) for value in values):
        return True
    return _equal(given, values)


def _equal(given: Json, wanted: Json) -> bool:
    if isinstance(given, Mapping) and isinstance(wanted, Mapping):
        return _arguments_fault(given, wanted, {}) is None
    if isinstance(given, list) and isinstance(wanted, list):
        same_length = len(given) == len(wanted)
        return same_length and all(_equal(g, w) for g, w in zip(given, wanted, strict=True))
    if isinstance(given, bool) or isinstance(wanted, bool):
        return given is wanted
    return bool(plain_value(given) == plain_value(wanted))


def _defaults(schema: Json) -> dict[str, Json]:
    properties = schema.get("properties") if isinstance(schema, Mapping) else None
    if not isinstance(properties, Mapping):
        return {}
    return {
        str(name): entry["default"]
        for name, entry in properties.items()
        if isinstance(entry, Mapping) and "default" in entry
    }


def _matched(faults: Sequence[Sequence[str | None]]) -> bool:
    """Whether every wanted call can be given a made call of its own (augmenting paths)."""
    taken: dict[int, int] = {}

    def place(want: int, tried: set[int]) -> bool:
        for made, fault in enumerate(faults[want]):
            if fault is None and made not in tried:
                tried.add(made)
                if made not in taken or place(taken[made], tried):
                    taken[made] = want
                    return True
        return False

    return all(place(want, set()) for want in range(len(faults)))


def _nearest_fault(faults: Sequence[Sequence[str | None]]) -> str:
    """The fault of the first wanted call that no made call meets, the most telling one."""
    for row in faults:
        if None not in row:
            told = [fault for fault in row if fault is not None]
            return next((f for f in told if not f.endswith("is not called")), told[0])
    return "two wanted calls are met by the same call only"
