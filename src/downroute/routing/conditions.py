"""What a route's ``when`` may ask about a request: numbers and categories, by name.

Besides the features that studies slice by, every number about the question by which escalations
are told apart, so that a group found in the log can be routed as it was found.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from downroute.records import Answer, Json
from downroute.routing import features
from downroute.routing.fingerprint import fingerprint
from downroute.routing.question import QUESTION
from downroute.routing.reading import Reading

Request = Mapping[str, Json]

_NOTHING = Answer()


def _asked(number: Callable[[Reading], float]) -> Callable[[Request], float]:
    return lambda request: number(Reading(_NOTHING, request))


NUMBERS: Mapping[str, Callable[[Request], float]] = {
    **features.FEATURES,
    **{name: _asked(number) for name, (_, number) in QUESTION.items()},
}
CATEGORIES: Mapping[str, Callable[[Request], str]] = {
    **features.CATEGORIES,
    "fingerprint": fingerprint,
}


MEANINGS: Mapping[str, str] = {
    "input_words": "words in all messages",
    "turns": "messages of the user",
    "tools": "functions offered",
    "parallel_tools": "1 where several functions may be called at once",
    "reasoning_steps": "questions, numbers and conditions in what the user last said",
    "schema_depth": "levels in the answer's or the tools' schema",
    "schema_properties": "properties in it",
    "schema_optional": "properties in it that may be left out",
    "schema_enums": "places in it with a fixed list of values",
    "schema_lists": "lists in it",
    "schema_conditional": "places in it where what is allowed depends on the value",
    "language": "the language of what the user last said",
    "fingerprint": "what requests with the same instructions, tools and format have in common",
    **{name: words for name, (words, _) in QUESTION.items()},
}
"""What each says, in words."""


def condition_value(name: str, request: Request) -> float | str:
    """What the number or category of this name says of ``request``."""
    return CATEGORIES[name](request) if name in CATEGORIES else NUMBERS[name](request)
