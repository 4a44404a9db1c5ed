"""PURE: the tokens that any reply of an API states, in whatever shape."""

from __future__ import annotations

from collections.abc import Mapping

from downroute.answers.openai_chat import billed_apart, token_count
from downroute.gateway import json_text
from downroute.gateway.sse import EventSplitter, payload
from downroute.records import Json, Usage


def usage_in(body: bytes) -> Usage:
    """The tokens stated in a JSON reply, or by the last event of a stream that states any."""
    try:
        return usage_of(json_text.decode(body))
    except ValueError:
        pass
    splitter = EventSplitter()
    events = [*splitter.feed(body), splitter.rest()]
    for event in reversed(events):
        data = payload(event)
        if data is None or b'"usage"' not in data:
            continue
        try:
            found = usage_of(json_text.decode(data))
        except ValueError:
            continue
        if found != Usage():
            return found
    return Usage()


def usage_of(value: Json) -> Usage:
    """The tokens in a reply's value: chat completions' ``usage``, responses' (also inside the
    event that holds a whole response), embeddings', which have no output."""
    if not isinstance(value, Mapping):
        return Usage()
    usage = value.get("usage")
    if not isinstance(usage, Mapping):
        inner = value.get("response")
        return usage_of(inner) if isinstance(inner, Mapping) else Usage()
    taken = _first(usage, "prompt_tokens", "input_tokens")
    given = _first(usage, "completion_tokens", "output_tokens")
    if given is None and taken is not None and _first(usage, "total_tokens") == taken:
        given = 0
    read = usage.get("input_tokens_details") or usage.get("prompt_tokens_details")
    thought = usage.get("output_tokens_details") or usage.get("completion_tokens_details")
    return Usage(
        input_tokens=taken,
        output_tokens=given,
        cached_input_tokens=_first(read, "cached_tokens"),
        reasoning_tokens=_first(thought, "reasoning_tokens"),
        apart=billed_apart(usage, read, thought),
    )


def _first(values: Json, *names: str) -> int | None:
    for name in names if isinstance(values, Mapping) else ():
        count = token_count(values.get(name))
        if count is not None:
            return count
    return None
