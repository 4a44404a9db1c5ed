"""PURE: the body of a plain reply → the chunks of a streamed one, as OpenAI cuts it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from downroute.prompts import content_text
from downroute.records import Json

_SAME_IN_EVERY_CHUNK = ("id", "created", "model", "service_tier", "system_fingerprint")
_SENT_IN_PIECES = ("role", "content", "refusal", "tool_calls")

_PIECE = re.compile(r"\s*(?:\w{1,8}|[^\w\s]{1,4})|\s+")
"""About one token: a short word or a few signs with the space before it; joined, the same text."""

Delta = tuple[dict[str, Json], Json]
"""What one chunk adds to the message, and the log probabilities that belong to it."""


def chunks(completion: Mapping[str, Json], *, include_usage: bool) -> Iterator[dict[str, Json]]:
    """The ``chat.completion.chunk`` bodies that spell out ``completion``'s one choice: the role,
    the content or tool calls piece by piece, the finish reason and, with ``include_usage``, a last
    one with the usage and no choice (the others then say ``"usage": null``)."""
    head: dict[str, Json] = {k: completion[k] for k in _SAME_IN_EVERY_CHUNK if k in completion}
    head["object"] = "chat.completion.chunk"
    tail = {"usage": None} if include_usage else {}
    choice = completion["choices"][0]

    def chunk(delta: Json, logprobs: Json = None, finish_reason: Json = None) -> dict[str, Json]:
        part = {
            "index": 0,
            "delta": delta,
            "logprobs": logprobs,
            "finish_reason": finish_reason,
        }
        return {**head, "choices": [part], **tail}

    for delta, logprobs in _deltas(choice["message"], choice.get("logprobs")):
        yield chunk(delta, logprobs)
    yield chunk({}, finish_reason=choice.get("finish_reason"))
    if include_usage:
        yield {**head, "choices": [], "usage": completion.get("usage")}


def pieces(text: str) -> list[str]:
    """``text`` cut at token-like boundaries; joined, the pieces are the text again."""
    return _PIECE.findall(text)


def _deltas(message: Mapping[str, Json], logprobs: Json) -> Iterator[Delta]:
    content = message.get("content")
    text = content_text(content)
    whole = {k: v for k, v in message.items() if k not in _SENT_IN_PIECES and v is not None}
    first = {"role": message.get("role") or "assistant", "content": None if content is None else ""}
    yield {**first, **whole}, None
    yield from _text_deltas("content", text, logprobs)
    refusal = message.get("refusal")
    yield from _text_deltas("refusal", refusal if isinstance(refusal, str) else "", logprobs)
    calls = message.get("tool_calls")
    for index, call in enumerate(calls if isinstance(calls, list) else ()):
        if isinstance(call, dict):
            yield from _tool_deltas(index, call)


def _text_deltas(key: str, text: str, logprobs: Json) -> Iterator[Delta]:
    tokens = logprobs.get(key) if isinstance(logprobs, Mapping) else None
    if not tokens:
        for piece in pieces(text):
            yield {key: piece}, None
        return
    cut = [str(t.get("token", "")) for t in tokens]
    if "".join(cut) == text:
        for piece, token in zip(cut, tokens, strict=True):
            yield {key: piece}, _logprobs(key, [token])
        return
    # The recorded tokens do not spell the text (say, only the answer's span was kept): no piece
    # owns any of them, so they all go out with the first.
    for number, piece in enumerate(pieces(text) or [""]):
        yield {key: piece}, _logprobs(key, tokens) if number == 0 else None


def _logprobs(key: str, tokens: list[Json]) -> dict[str, Json]:
    return {"content": None, "refusal": None, key: tokens}


def _tool_deltas(index: int, call: Mapping[str, Any]) -> Iterator[Delta]:
    function = call.get("function")
    function = function if isinstance(function, Mapping) else {}
    arguments = function.get("arguments")
    if not isinstance(arguments, str):
        arguments = "" if arguments is None else json.dumps(arguments)
    opening = {**call, "index": index, "function": {**function, "arguments": ""}}
    yield {"tool_calls": [opening]}, None
    for piece in pieces(arguments):
        yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}, None
