"""Which conversation a request goes on with, and what that leaves of a route."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence

import msgspec

from downroute.records import Json, Route


def first_turns(request: Mapping[str, Json]) -> str:
    """What stays the same through a conversation, hashed: everything up to and including the
    first message of the user."""
    begun: list[Json] = []
    for message in _messages(request):
        begun.append([message.get("role"), message.get("content")])
        if message.get("role") == "user":
            break
    try:
        text = msgspec.json.encode(begun)
    except (UnicodeEncodeError, OverflowError):  # half a surrogate pair, a number of 70 bits
        text = json.dumps(begun).encode()
    return hashlib.sha256(text).hexdigest()[:32]


def goes_on(request: Mapping[str, Json]) -> bool:
    """Whether a model has spoken before in this conversation."""
    return any(message.get("role") == "assistant" for message in _messages(request))


def in_tool_loop(request: Mapping[str, Json]) -> bool:
    """Whether the request hands a model the results of the calls it has just made."""
    sent = request.get("messages")
    if not isinstance(sent, (list, tuple)) or not sent or _role(sent[-1]) not in _RESULTS:
        return False
    said = next((m for m in reversed(sent) if _role(m) not in _RESULTS), None)
    if said is None or _role(said) != "assistant":
        return False
    return bool(said.get("tool_calls") or said.get("function_call"))


def from_model_on(route: Route, model: str) -> Route:
    """``route`` without what comes before ``model``; as it is where that is none of its models."""
    if model not in route.models:
        return route
    last = len(route.models) - 1 - route.models[::-1].index(model)
    return dataclasses.replace(route, models=route.models[last:])


def only(route: Route, model: str) -> Route:
    """``route`` with ``model`` alone: its answer is sent as it is."""
    return dataclasses.replace(route, models=(model,))


_RESULTS = frozenset({"tool", "function"})


def _role(message: Json) -> str | None:
    role = message.get("role") if isinstance(message, (dict, Mapping)) else None
    return role if isinstance(role, str) else None


def _messages(request: Mapping[str, Json]) -> Sequence[Mapping[str, Json]]:
    sent = request.get("messages")
    return [m for m in sent if isinstance(m, Mapping)] if isinstance(sent, (list, tuple)) else []
