"""What checks take as their argument: read where it has options, faulted where it is wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from downroute.answers.language import LANGUAGES
from downroute.answers.schema import pattern_fault as regex_fault
from downroute.answers.schema import schema_fault as json_schema_fault
from downroute.answers.script import SCRIPTS
from downroute.records import Json

_OPTIONS = frozenset({"schema", "fenced"})


def is_options(argument: Json) -> bool:
    """Whether a mapping holds options; neither is a keyword of JSON Schema."""
    if argument is None or not isinstance(argument, (dict, Mapping)):
        return False
    return bool(argument) and set(argument) <= _OPTIONS


def fenced(argument: Json) -> bool:
    """Whether a code fence around the JSON is allowed."""
    return is_options(argument) and argument.get("fenced") is True


def own_schema(argument: Json) -> Json:
    """The schema in a check's argument; ``None`` = the request's own."""
    return argument.get("schema") if is_options(argument) else argument


def none_wanted(argument: Json) -> str | None:
    return None if argument is None else "takes no argument"


def fenced_fault(argument: Json) -> str | None:
    if argument is None:
        return None
    if not is_options(argument) or set(argument) != {"fenced"}:
        return "takes no argument but {fenced: true}, which allows a code fence around the JSON"
    return None if isinstance(argument["fenced"], bool) else "fenced is true or false"


def schema_fault(argument: Json) -> str | None:
    if is_options(argument) and not isinstance(argument.get("fenced", False), bool):
        return "fenced is true or false"
    own = own_schema(argument)
    return None if own is None else json_schema_fault(own)


def labels_fault(argument: Json) -> str | None:
    scalars = isinstance(argument, Sequence) and all(
        isinstance(entry, (str, int, float)) for entry in argument
    )
    if not scalars or isinstance(argument, str) or not argument:
        return "takes a list of labels, as in {one_of: [billing, bug, other]}"
    return None


def pattern_fault(argument: Json) -> str | None:
    if not isinstance(argument, str) or not argument:
        return "takes a pattern, as in {regex: '^[A-Z]{3}-[0-9]+$'}"
    return regex_fault(argument)


def count_fault(argument: Json) -> str | None:
    whole = isinstance(argument, int) and not isinstance(argument, bool)
    return None if whole and argument > 0 else "takes a number, 1 or more"


def optional_count_fault(argument: Json) -> str | None:
    return None if argument is None else count_fault(argument)


def language_fault(argument: Json) -> str | None:
    if argument == REQUEST_S or argument in LANGUAGES:
        return None
    known = ", ".join(LANGUAGES)
    return f"takes `{REQUEST_S}` (the user's language) or one of {known}, as in {{language: de}}"


def script_fault(argument: Json) -> str | None:
    if argument == REQUEST_S or argument in SCRIPTS:
        return None
    return f"takes `{REQUEST_S}` (the user's script) or one of {', '.join(SCRIPTS)}"


def code_fault(argument: Json) -> str | None:
    if argument is None:
        return None
    # What reads code is loaded for routes that have code.
    from downroute.answers.syntax import PARSERS

    if isinstance(argument, str) and argument in PARSERS:
        return None
    return f"takes no argument or a language that can be parsed: {', '.join(PARSERS)}"


REQUEST_S = "request"
"""The argument that means: as in the user's last message."""

DEFAULT_TIMEOUT_S = 1.0
_FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_USER = frozenset({"function", "timeout_s"})


def user_function(argument: Any) -> tuple[str, float]:
    """The function (``module:function``) of a `python` check, and its time limit in seconds."""
    if isinstance(argument, str):
        return argument, DEFAULT_TIMEOUT_S
    return argument["function"], float(argument.get("timeout_s", DEFAULT_TIMEOUT_S))


def user_fault(argument: Json) -> str | None:
    wanted = "takes `module:function`, or {function: module:function, timeout_s: 0.5}"
    given = {"function": argument} if isinstance(argument, str) else argument
    if not isinstance(given, Mapping) or "function" not in given or set(given) - _USER:
        return wanted
    if not isinstance(given["function"], str) or not _FUNCTION.fullmatch(given["function"]):
        return wanted
    limit = given.get("timeout_s", DEFAULT_TIMEOUT_S)
    if isinstance(limit, bool) or not isinstance(limit, (int, float)) or not 0 < limit <= 60:
        return "timeout_s is a number of seconds, above 0 and up to 60"
    return None
