"""Checks of what an answer says, against what the model was given."""

from __future__ import annotations

from typing import Any

from downroute.answers.grounding import (
    citations,
    cites_nothing_unknown,
    context_of,
    ungrounded_numbers,
    ungrounded_quotes,
)
from downroute.answers.json_value import read_json
from downroute.answers.language import is_language, language_of
from downroute.answers.script import script_counts
from downroute.prompts import content_text, messages
from downroute.records import Answer, Json
from downroute.routing.check_arguments import REQUEST_S
from downroute.routing.form_checks import Outcome, Request, spoken

_FEWEST_LETTERS = 4
_FOREIGN_SHARE = 0.5


def language(answer: Answer, request: Request, argument: Any) -> Outcome:
    wanted = language_of(_asked(request)) if argument == REQUEST_S else argument
    text = prose(answer)
    return None if text is None or wanted is None else is_language(text, wanted)


def script(answer: Answer, request: Request, argument: Any) -> Outcome:
    """Most letters are of the wanted script; Japanese is written in Kana and Han."""
    wanted = argument
    if argument == REQUEST_S:
        asked = script_counts(_asked(request))
        wanted = max(asked, key=lambda name: asked[name], default=None)
    text = prose(answer)
    counts = script_counts(text or "")
    if wanted is None or counts.total() < _FEWEST_LETTERS:
        return None
    fitting = counts[wanted] + (counts["Han"] if wanted == "Kana" else 0)
    return fitting / counts.total() >= _FOREIGN_SHARE


def numbers_in_context(answer: Answer, request: Request, argument: Json) -> Outcome:  # noqa: ARG001
    text = prose(answer)
    missing = None if text is None else ungrounded_numbers(text, context_of(request))
    return None if missing is None else missing == 0


def quotes_in_context(answer: Answer, request: Request, argument: Json) -> Outcome:  # noqa: ARG001
    text = prose(answer)
    missing = None if text is None else ungrounded_quotes(text, context_of(request))
    return None if missing is None else missing == 0


def cites(answer: Answer, request: Request, argument: Any) -> Outcome:
    text = prose(answer)
    if text is None:
        return None
    enough = citations(text) >= (argument or 1)
    return enough and cites_nothing_unknown(text, context_of(request))


def prose(answer: Answer) -> str | None:
    """What an answer says: of JSON its values, one a line, so that its own quotes and keys are
    nobody's words; ``None`` where it is a tool call instead."""
    text = spoken(answer)
    found = None if text is None else read_json(text, fenced=True)
    if found is None or not isinstance(found.value, (dict, list)):
        return text
    said: list[str] = []
    stack: list[Json] = [found.value]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            stack.extend(reversed(value.values()))
        elif isinstance(value, list):
            stack.extend(reversed(value))
        elif value is not None and not isinstance(value, bool):
            said.append(str(value))
    return "\n".join(said)


def _asked(request: Request) -> str:
    said = [content_text(m.get("content")) for m in messages(request) if m.get("role") == "user"]
    return said[-1] if said else ""
