"""What is known of a request before anybody answers it: what a route's ``when`` may ask about.

A feature is a number; a category is one of several names. All are pure and read the request alone,
so that a boundary found in a study holds for live requests.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from downroute.answers.language import language_of
from downroute.answers.script import script_counts
from downroute.prompts import content_text, messages, tool_schemas
from downroute.records import Json
from downroute.routing import schema_features

Request = Mapping[str, Json]


def input_words(request: Request) -> float:
    """White-space separated words in all messages, instructions included."""
    return float(sum(len(content_text(m.get("content")).split()) for m in messages(request)))


def turns(request: Request) -> float:
    """How many messages the user has sent."""
    return float(sum(1 for m in messages(request) if m.get("role") == "user"))


def tools(request: Request) -> float:
    """How many functions are offered."""
    return float(len(tool_schemas(request)))


def parallel_tools(request: Request) -> float:
    """1 where several calls may be made at once: functions are offered and the request does not
    forbid it (``parallel_tool_calls: false``)."""
    return float(bool(tool_schemas(request)) and request.get("parallel_tool_calls") is not False)


def reasoning_steps(request: Request) -> float:
    """A stand-in for how much there is to work out: the questions, numbers and conditions in
    what the user last said. Conditions are counted in English only."""
    text = _asked(request)
    return float(sum(len(found.findall(text)) for found in (_QUESTION, _NUMBER, _CONDITION)))


def language(request: Request) -> str:
    """The language of what the user last said as its ISO 639-1 code, else its writing system,
    else ``unknown``."""
    text = _asked(request)
    known = language_of(text)
    if known is not None:
        return known
    counts = script_counts(text)
    return max(counts, key=lambda name: counts[name]) if counts else "unknown"


FEATURES: Mapping[str, Callable[[Request], float]] = {
    "input_words": input_words,
    "turns": turns,
    "tools": tools,
    "parallel_tools": parallel_tools,
    "reasoning_steps": reasoning_steps,
    **schema_features.FEATURES,
}
CATEGORIES: Mapping[str, Callable[[Request], str]] = {"language": language}


_QUESTION = re.compile(r"[?？؟]")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_CONDITION = re.compile(
    r"\b(?:if|unless|when|whenever|until|except|otherwise|each|every|per|then|after|before|"
    r"half|twice|double|triple|more than|less than|at least|at most)\b",
    re.IGNORECASE,
)


def _asked(request: Request) -> str:
    said = [content_text(m.get("content")) for m in messages(request) if m.get("role") == "user"]
    return said[-1] if said else ""
