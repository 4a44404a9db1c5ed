"""Checks: what can be said of an answer while it is served, without a reference.

``True`` = passed, ``False`` = failed, ``None`` = the check does not apply to this request or
answer. One table of names; adding a check adds a row.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from downroute.answers.final_value import final_value
from downroute.answers.json_value import read_json
from downroute.answers.label import label
from downroute.answers.refusal import is_refusal
from downroute.answers.schema import matches, pattern_fault, schema_fault, validate
from downroute.answers.tool_calls import parsed_calls
from downroute.answers.truncation import is_truncated
from downroute.prompts import response_schema, tool_schemas
from downroute.records import Answer, CheckSpec, Json, Route

Request = Mapping[str, Json]
Outcome = bool | None


@dataclass(frozen=True, slots=True)
class Check:
    """``run`` gets the answer, the request and the check's argument; ``fault`` says what is wrong
    with an argument."""

    doc: str
    run: Callable[[Answer, Request, Any], Outcome]
    fault: Callable[[Json], str | None]


BY_REQUEST = (CheckSpec("json_schema"), CheckSpec("tool_call_valid"))
"""What a request itself asks of an answer. They do not apply where it brings no schema or tool."""


def checks_of(route: Route) -> Sequence[CheckSpec]:
    """The checks of ``route``: what requests ask for, unless it is switched off or the route says
    it in its own words, then the route's own."""
    if not route.request_checks:
        return route.checks
    if not route.checks:
        return BY_REQUEST
    named = {spec.name for spec in route.checks}
    return (*(spec for spec in BY_REQUEST if spec.name not in named), *route.checks)


def checks_for(route: Route, request: Request) -> Sequence[CheckSpec]:
    """Those of `checks_of` that are worth running on answers to ``request``."""
    if not route.request_checks or request.get("response_format") or request.get("tools"):
        return checks_of(route)
    return route.checks


@cache
def check_alone() -> frozenset[str]:
    """The names of the checks that need no argument."""
    return frozenset(name for name, check in CHECKS.items() if check.fault(None) is None)


def checks_passed(answer: Answer, request: Request) -> float | None:
    """Of the checks that need no argument the share that passes among those that apply."""
    found = [CHECKS[name].run(answer, request, None) for name in CHECKS if name in check_alone()]
    applied = [outcome for outcome in found if outcome is not None]
    return sum(applied) / len(applied) if applied else None


def run_checks(
    specs: Sequence[CheckSpec], answer: Answer, request: Request
) -> dict[str, bool | None]:
    """Each check's outcome by name. A check named twice passes only if it does both times."""
    found: dict[str, bool | None] = {}
    for spec in specs:
        outcome = CHECKS[spec.name].run(answer, request, spec.argument)
        if spec.name in found:
            outcome = _both(found[spec.name], outcome)
        found[spec.name] = outcome
    return found


def known_checks() -> Mapping[str, str]:
    """Every check's name → what it asks, in one line."""
    return {name: check.doc for name, check in CHECKS.items()}


def check_fault(spec: CheckSpec) -> str | None:
    """Why ``spec`` cannot be run; ``None`` where it can."""
    check = CHECKS.get(spec.name)
    if check is None:
        turned = "_".join(reversed(str(spec.name).split("_")))
        near = difflib.get_close_matches(str(spec.name), CHECKS, n=1) or difflib.get_close_matches(
            turned, CHECKS, n=1
        )
        hint = f"did you mean '{near[0]}'?" if near else f"choose from {', '.join(CHECKS)}"
        return f"'{spec.name}' is not a check; {hint}"
    fault = check.fault(spec.argument)
    return None if fault is None else f"check '{spec.name}': {fault}"


def _both(first: Outcome, second: Outcome) -> Outcome:
    if first is None or second is None:
        return second if first is None else first
    return first and second


def _spoken(answer: Answer) -> str | None:
    """The text that checks of text look at; ``None`` where the answer is a tool call instead."""
    text = answer.text or ""
    return None if answer.tool_calls and not text.strip() else text


def _not_empty(answer: Answer, request: Request, argument: Json) -> Outcome:  # noqa: ARG001
    return bool(answer.tool_calls) or bool((answer.text or "").strip())


def _not_truncated(answer: Answer, request: Request, argument: Json) -> Outcome:  # noqa: ARG001
    truncated = is_truncated(answer)
    return None if truncated is None else not truncated


def _not_refusal(answer: Answer, request: Request, argument: Json) -> Outcome:  # noqa: ARG001
    return not is_refusal(answer, request)


def _json_valid(answer: Answer, request: Request, argument: Json) -> Outcome:  # noqa: ARG001
    text = _spoken(answer)
    return None if text is None else read_json(text, fenced=_fenced(argument)) is not None


def _json_schema(answer: Answer, request: Request, argument: Json) -> Outcome:
    text = _spoken(answer)
    own = _own_schema(argument)
    schema = response_schema(request) if own is None else own
    if text is None or schema is None:
        return None
    found = read_json(text, fenced=_fenced(argument))
    if found is None:
        return False if schema_fault(schema) is None else None
    return validate(found.value, schema).valid


def _one_of(answer: Answer, request: Request, argument: Any) -> Outcome:  # noqa: ARG001
    text = _spoken(answer)
    if text is None:
        return None
    said = final_value(answer).text
    return said is not None and label(said) in {_cached_label(str(entry)) for entry in argument}


def _regex(answer: Answer, request: Request, argument: Any) -> Outcome:  # noqa: ARG001
    text = _spoken(answer)
    return None if text is None else matches(text, argument)


def _max_words(answer: Answer, request: Request, argument: Any) -> Outcome:  # noqa: ARG001
    text = _spoken(answer)
    return None if text is None else len(text.split()) <= argument


def _min_words(answer: Answer, request: Request, argument: Any) -> Outcome:  # noqa: ARG001
    text = _spoken(answer)
    return None if text is None else len(text.split()) >= argument


def _tool_call_valid(answer: Answer, request: Request, argument: Json) -> Outcome:  # noqa: ARG001
    offered = tool_schemas(request)
    if not offered:
        return None
    if not answer.tool_calls:
        choice = request.get("tool_choice")
        return False if choice == "required" or isinstance(choice, Mapping) else None
    for call in parsed_calls(answer):
        if call.name not in offered or call.arguments is None:
            return False
        if validate(call.arguments, offered[call.name]).valid is False:
            return False
    return True


_cached_label = lru_cache(maxsize=4096)(label)
_OPTIONS = frozenset({"schema", "fenced"})


def _is_options(argument: Json) -> bool:
    """Whether a mapping holds options; neither is a keyword of JSON Schema."""
    return isinstance(argument, Mapping) and bool(argument) and set(argument) <= _OPTIONS


def _fenced(argument: Json) -> bool:
    return _is_options(argument) and argument.get("fenced") is True


def _own_schema(argument: Json) -> Json:
    return argument.get("schema") if _is_options(argument) else argument


def _none_wanted(argument: Json) -> str | None:
    return None if argument is None else "takes no argument"


def _fenced_fault(argument: Json) -> str | None:
    if argument is None:
        return None
    if not _is_options(argument) or set(argument) != {"fenced"}:
        return "takes no argument but {fenced: true}, which allows a code fence around the JSON"
    return None if isinstance(argument["fenced"], bool) else "fenced is true or false"


def _schema_fault(argument: Json) -> str | None:
    if _is_options(argument) and not isinstance(argument.get("fenced", False), bool):
        return "fenced is true or false"
    own = _own_schema(argument)
    return None if own is None else schema_fault(own)


def _labels_fault(argument: Json) -> str | None:
    scalars = isinstance(argument, Sequence) and all(
        isinstance(entry, (str, int, float)) for entry in argument
    )
    if not scalars or isinstance(argument, str) or not argument:
        return "takes a list of labels, as in {one_of: [billing, bug, other]}"
    return None


def _pattern_fault(argument: Json) -> str | None:
    if not isinstance(argument, str) or not argument:
        return "takes a pattern, as in {regex: '^[A-Z]{3}-[0-9]+$'}"
    return pattern_fault(argument)


def _words_fault(argument: Json) -> str | None:
    whole = isinstance(argument, int) and not isinstance(argument, bool)
    return None if whole and argument > 0 else "takes a number of words, 1 or more"


CHECKS: Mapping[str, Check] = {
    "not_empty": Check("there is text or a tool call", _not_empty, _none_wanted),
    "not_truncated": Check("the answer was not cut off", _not_truncated, _none_wanted),
    "not_refusal": Check("the model did not decline", _not_refusal, _none_wanted),
    "json_valid": Check("the whole answer is JSON", _json_valid, _fenced_fault),
    "json_schema": Check(
        "the whole answer is JSON that follows the given schema, else the request's own",
        _json_schema,
        _schema_fault,
    ),
    "one_of": Check("the answer is one of the given labels", _one_of, _labels_fault),
    "regex": Check("the pattern is found in the answer", _regex, _pattern_fault),
    "max_words": Check("the answer has at most so many words", _max_words, _words_fault),
    "min_words": Check("the answer has at least so many words", _min_words, _words_fault),
    "tool_call_valid": Check(
        "every call names an offered function and its arguments follow its schema",
        _tool_call_valid,
        _none_wanted,
    ),
}
