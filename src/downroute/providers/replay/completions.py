"""PURE: a recorded answer → the body of a plain reply."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from downroute.providers.replay.recordings import RecordedAnswer
from downroute.providers.replay.requests import Asked
from downroute.records import Json


def completion_body(
    answer: RecordedAnswer, asked: Asked, *, completion_id: str, created: int
) -> dict[str, Json]:
    """The recorded completion's first choice as a ``chat.completion`` of now.

    Log probabilities stand in it only where the request asks for them, with as many alternatives
    as it asks for. Usage the recording does not know stays ``null``.
    """
    recorded: dict[str, Any] = json.loads(answer.completion)
    choice = dict(recorded["choices"][0])
    recorded_logprobs = choice.get("logprobs")
    choice["index"] = 0
    choice["logprobs"] = None
    choice.setdefault("finish_reason", None)
    if asked.logprobs and isinstance(recorded_logprobs, dict):
        choice["logprobs"] = _asked_logprobs(recorded_logprobs, asked.top_logprobs)
    return {
        **recorded,
        "id": completion_id,
        "object": "chat.completion",
        "created": created,
        "model": recorded.get("model") or asked.model,
        "choices": [choice],
        "usage": recorded.get("usage"),
    }


def _asked_logprobs(recorded: Mapping[str, Json], top: int) -> dict[str, Json]:
    blocks = {
        key: [_asked_token(t, top) for t in tokens if isinstance(t, dict)]
        for key, tokens in recorded.items()
        if isinstance(tokens, list)
    }
    return {"content": None, "refusal": None, **blocks}


def _asked_token(token: Mapping[str, Json], top: int) -> dict[str, Json]:
    """One token in the full wire shape: recorders often leave ``bytes`` and alternatives out."""
    alternatives = token.get("top_logprobs")
    return {
        **_with_bytes(token),
        "top_logprobs": [
            _with_bytes(a)
            for a in (alternatives[:top] if isinstance(alternatives, list) else ())
            if isinstance(a, dict)
        ],
    }


def _with_bytes(token: Mapping[str, Json]) -> dict[str, Json]:
    text = token.get("token")
    if "bytes" in token or not isinstance(text, str):
        return dict(token)
    return {**token, "bytes": list(text.encode("utf-8", "surrogatepass"))}
