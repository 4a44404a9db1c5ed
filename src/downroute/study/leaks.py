"""Examples whose question also stands, answered, in the instructions: a model that is shown the
answer proves nothing. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from downroute.prompts import content_text, messages
from downroute.records import Json

ENOUGH_WORDS = 4
"""A question of fewer words counts only where it stands by itself: alone in its line, quoted, or
between marks such as ``:`` and ``->``. Otherwise "yes" would be found everywhere."""

_MARKS = "\n\"'`“”‘’:|→>=\t*-"


def leaked(request: Mapping[str, Json]) -> bool:
    """Whether the last thing the user says also stands in the system prompt or is an earlier turn
    of the user's that was answered."""
    turns = list(messages(request)) or [{}]
    last = turns[-1]
    asked = _plain(content_text(last.get("content")))
    if last.get("role") != "user" or not asked:
        return False
    for message, following in pairwise(turns):
        said = _plain(content_text(message.get("content")))
        role = message.get("role")
        if role in ("system", "developer") and _stands_in(asked, said):
            return True
        answered = following.get("role") == "assistant"
        if role == "user" and answered and said == asked and _wordy(asked):
            return True
    return False


def _stands_in(asked: str, text: str) -> bool:
    wordy = _wordy(asked)
    start = text.find(asked)
    while start >= 0:
        before, after = text[:start], text[start + len(asked) :]
        if wordy and not (before[-1:].isalnum() or after[:1].isalnum()):
            return True
        if _edge(before.rstrip(" ")[-1:]) and _edge(after.lstrip(" ")[:1]):
            return True
        start = text.find(asked, start + 1)
    return False


def _edge(character: str) -> bool:
    return not character or character in _MARKS


def _wordy(text: str) -> bool:
    return len(text.split()) >= ENOUGH_WORDS


def _plain(text: str) -> str:
    """Lower case, one space between words; line ends stay."""
    lines = (" ".join(line.split()) for line in text.casefold().splitlines())
    return "\n".join(line for line in lines if line)
