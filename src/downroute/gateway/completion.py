"""PURE: the bytes of a chat completion: what the log and the checks need of them, and log
probabilities taken out again where the client did not ask for them."""

from __future__ import annotations

from collections.abc import Mapping

from downroute.gateway import json_text
from downroute.records import Json


def read_completion(body: bytes) -> Mapping[str, Json] | None:
    """The ``chat.completion`` in ``body``; ``None`` where it is none."""
    try:
        value = json_text.decode(body)
    except ValueError:
        return None
    if not isinstance(value, dict):
        return None
    choices = value.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        return None
    return value


def without_logprobs(body: bytes) -> bytes:
    """``body`` with ``"logprobs": null`` in every choice, as it would have come unasked; every
    other byte stays."""
    try:
        choices = json_text.objects(json_text.fields(body)["choices"])
    except (KeyError, ValueError):
        return _written_anew(body)
    start = 0
    for choice in choices:
        raw = bytes(choice.get("logprobs", b"null"))
        if raw == b"null":
            continue
        at = _member(body, raw, start)
        if at < 0:
            return _written_anew(body)
        body = body[:at] + b"null" + body[at + len(raw) :]
        start = at
    return body


def _written_anew(body: bytes) -> bytes:
    """For texts whose members have no place to be found at: half a surrogate pair in them."""
    completion = read_completion(body)
    if completion is None:
        return body
    for choice in completion["choices"]:
        if isinstance(choice, dict) and "logprobs" in choice:
            choice["logprobs"] = None
    return json_text.encode(completion)


def _member(body: bytes, value: bytes, start: int) -> int:
    """Where the member ``"logprobs": value`` has its value; -1 = nowhere. No answer's text can be
    taken for it, because quotes are escaped there."""
    at = body.find(value, start)
    while at >= 0:
        before = body[max(0, at - 200) : at].rstrip()
        if before.endswith(b":") and before[:-1].rstrip().endswith(b'"logprobs"'):
            return at
        at = body.find(value, at + 1)
    return -1


def error_code(body: bytes) -> str | None:
    """The code or type an upstream's error names, if it reads like one: never its message, which
    may quote the prompt."""
    try:
        value = json_text.decode(body)
    except ValueError:
        return None
    error = value.get("error") if isinstance(value, Mapping) else None
    if not isinstance(error, Mapping):
        return None
    for key in ("code", "type"):
        name = error.get(key)
        if isinstance(name, str) and name.isidentifier() and name.isascii() and len(name) <= 60:
            return name
    return None


def finish_reason(completion: Mapping[str, Json]) -> str | None:
    """Why the first choice ended."""
    choices = completion.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    reason = first.get("finish_reason") if isinstance(first, (dict, Mapping)) else None
    return reason if isinstance(reason, str) else None


def snapshot(completion: Mapping[str, Json]) -> str | None:
    """The model's name as the upstream reports it."""
    model = completion.get("model")
    return model if isinstance(model, str) else None
