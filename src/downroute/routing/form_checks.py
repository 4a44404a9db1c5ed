"""Checks of an answer's form: is it there, whole, and shaped as it was asked for?"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from downroute.answers.final_value import final_value
from downroute.answers.json_value import read_json
from downroute.answers.label import label
from downroute.answers.refusal import is_refusal
from downroute.answers.schema import matches, schema_fault, validate
from downroute.answers.syntax import parses
from downroute.answers.tool_calls import parsed_calls
from downroute.answers.truncation import is_truncated
from downroute.prompts import response_schema, tool_schemas, wants_json
from downroute.records import Answer, Json
from downroute.remembered import Remembered
from downroute.routing.check_arguments import fenced, own_schema

Request = Mapping[str, Json]
Outcome = bool | None

_LONGEST_LABEL = 100
cached_label = lru_cache(maxsize=4096)(label)


def _read_labels(entries: Json) -> tuple[frozenset[str], frozenset[str]]:
    """As they are written, and as they are compared."""
    written = [str(entry) for entry in entries]
    return frozenset(written), frozenset(map(label, written))


_labels = Remembered(_read_labels)


def spoken(answer: Answer) -> str | None:
    """The text that checks of text look at; ``None`` where the answer is a tool call instead."""
    text = answer.text or ""
    return None if answer.tool_calls and not text.strip() else text


def not_empty(answer: Answer, request: Request, argument: Json) -> Outcome:  # noqa: ARG001
    return bool(answer.tool_calls) or bool((answer.text or "").strip())


def not_truncated(answer: Answer, request: Request, argument: Json) -> Outcome:  # noqa: ARG001
    truncated = is_truncated(answer)
    return None if truncated is None else not truncated


def not_refusal(answer: Answer, request: Request, argument: Json) -> Outcome:  # noqa: ARG001
    return not is_refusal(answer, request)


def json_valid(answer: Answer, request: Request, argument: Json) -> Outcome:  # noqa: ARG001
    text = spoken(answer)
    return None if text is None else read_json(text, fenced=fenced(argument)) is not None


def requested_schema(request: Request) -> Json:
    """The schema a request brings; ``True``, which any JSON follows, where it asks for JSON of
    whatever form; ``None`` where it asks for none."""
    schema = response_schema(request)
    return True if schema is None and wants_json(request) else schema


def json_schema(answer: Answer, request: Request, argument: Json) -> Outcome:
    text = spoken(answer)
    own = own_schema(argument)
    schema = requested_schema(request) if own is None else own
    if text is None or schema is None:
        return None
    found = read_json(text, fenced=fenced(argument))
    if found is None:
        return False if schema_fault(schema) is None else None
    return validate(found.value, schema).valid


def one_of(answer: Answer, request: Request, argument: Any) -> Outcome:  # noqa: ARG001
    text = spoken(answer)
    if text is None:
        return None
    written, compared = _labels(argument)
    if text in written:
        return True
    said = final_value(answer).text
    if said is None:
        return False
    read = cached_label if len(said) <= _LONGEST_LABEL else label
    return read(said) in compared


def regex(answer: Answer, request: Request, argument: Any) -> Outcome:  # noqa: ARG001
    text = spoken(answer)
    return None if text is None else matches(text, argument)


def max_words(answer: Answer, request: Request, argument: Any) -> Outcome:  # noqa: ARG001
    text = spoken(answer)
    return None if text is None else len(text.split()) <= argument


def min_words(answer: Answer, request: Request, argument: Any) -> Outcome:  # noqa: ARG001
    text = spoken(answer)
    return None if text is None else len(text.split()) >= argument


def max_chars(answer: Answer, request: Request, argument: Any) -> Outcome:  # noqa: ARG001
    text = spoken(answer)
    return None if text is None else len(text.strip()) <= argument


def min_chars(answer: Answer, request: Request, argument: Any) -> Outcome:  # noqa: ARG001
    text = spoken(answer)
    return None if text is None else len(text.strip()) >= argument


def code_parses(answer: Answer, request: Request, argument: Any) -> Outcome:  # noqa: ARG001
    text = spoken(answer)
    return None if text is None else parses(text, argument)


def tool_call_valid(answer: Answer, request: Request, argument: Json) -> Outcome:  # noqa: ARG001
    offered = tool_schemas(request)
    if not offered:
        return None
    if not answer.tool_calls:
        choice = request.get("tool_choice")
        return False if choice == "required" or isinstance(choice, Mapping) else None
    forced = _forced(request.get("tool_choice"))
    for call in parsed_calls(answer):
        if call.name not in offered or call.arguments is None:
            return False
        if forced is not None and call.name != forced:
            return False
        if validate(call.arguments, offered[call.name]).valid is False:
            return False
    return True


def _forced(choice: Json) -> str | None:
    """The one function a request allows to be called, if it names one; empty where none may be."""
    if choice == "none":
        return ""
    named = choice.get("function") if isinstance(choice, Mapping) else None
    name = named.get("name") if isinstance(named, Mapping) else None
    return name if isinstance(name, str) else None
