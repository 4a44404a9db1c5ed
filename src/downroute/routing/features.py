"""Numbers known of a request before anybody answers it: what a route's ``when`` may ask about."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from downroute.prompts import content_text, messages, tool_schemas
from downroute.records import Json


def input_words(request: Mapping[str, Json]) -> float:
    """White-space separated words in all messages, instructions included."""
    return float(sum(len(content_text(m.get("content")).split()) for m in messages(request)))


def turns(request: Mapping[str, Json]) -> float:
    """How many messages the user has sent."""
    return float(sum(1 for m in messages(request) if m.get("role") == "user"))


def tools(request: Mapping[str, Json]) -> float:
    """How many functions are offered."""
    return float(len(tool_schemas(request)))


FEATURES: Mapping[str, Callable[[Mapping[str, Json]], float]] = {
    "input_words": input_words,
    "turns": turns,
    "tools": tools,
}
