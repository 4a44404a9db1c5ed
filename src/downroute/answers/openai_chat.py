"""PURE: OpenAI chat-completions wire format → `Answer` and `Usage`.

Anything malformed reads as *missing*, never as an error: an upstream's nonsense is judged by
checks and scorers, not by an exception here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from downroute.prompts import canonical_json, content_text, digest
from downroute.records import UNKNOWN_USAGE, Answer, Json, TokenLogprob, ToolCall, Usage

_MOST_TOKENS = 10**12
_INPUT_APART = (
    ("cache_write", "cache_write_tokens"),
    ("cache_write_1h", "cache_write_1h_tokens"),
    ("audio_input", "audio_tokens"),
)


def answer_from_completion(body: Mapping[str, Json], choice: int = 0) -> Answer:
    """The answer in a ``chat.completion`` body's ``choice``."""
    choices = body.get("choices")
    if not isinstance(choices, list) or not choice < len(choices):
        return Answer()
    picked = choices[choice]
    if not isinstance(picked, (dict, Mapping)):
        return Answer()
    message = picked.get("message")
    return _answer(
        message if isinstance(message, (dict, Mapping)) else {},
        _text(picked.get("finish_reason")),
        _logprobs(picked.get("logprobs")),
    )


def answer_from_message(message: Mapping[str, Json]) -> Answer:
    """The answer in an assistant message, as logs of whole conversations hold it."""
    return _answer(message)


def _answer(
    message: Mapping[str, Json],
    finish_reason: str | None = None,
    logprobs: tuple[TokenLogprob, ...] | None = None,
) -> Answer:
    content = message.get("content")
    calls = message.get("tool_calls")
    return Answer(
        text=content if content is None or isinstance(content, str) else content_text(content),
        tool_calls=tuple(_tool_calls(calls)) if isinstance(calls, list) else (),
        finish_reason=finish_reason,
        refusal=_text(message.get("refusal")),
        logprobs=logprobs,
    )


def usage_from_completion(body: Mapping[str, Json]) -> Usage:
    """The usage block of a completion or of a stream's last chunk; missing fields stay ``None``."""
    usage = body.get("usage")
    if not isinstance(usage, (dict, Mapping)):
        return UNKNOWN_USAGE
    prompt_details = usage.get("prompt_tokens_details")
    output_details = usage.get("completion_tokens_details")
    return Usage(
        input_tokens=token_count(usage.get("prompt_tokens")),
        output_tokens=token_count(usage.get("completion_tokens")),
        cached_input_tokens=_detail(prompt_details, "cached_tokens"),
        reasoning_tokens=_detail(output_details, "reasoning_tokens"),
        apart=billed_apart(usage, prompt_details, output_details),
    )


def billed_apart(
    usage: Mapping[str, Json], input_details: Json, output_details: Json
) -> tuple[tuple[str, int], ...]:
    """`Usage.apart` of a usage block with these details of its input and output."""
    found: list[tuple[str, int]] = []
    if input_details is not None:
        for kind, key in _INPUT_APART:
            _count_apart(found, kind, input_details, key)
    if output_details is not None:
        _count_apart(found, "audio_output", output_details, "audio_tokens")
    tools = usage.get("server_tool_use")
    if tools is not None:
        _count_apart(found, "web_search", tools, "web_search_requests")
    return tuple(found)


def _count_apart(found: list[tuple[str, int]], kind: str, block: Json, key: str) -> None:
    count = _detail(block, key)
    if count:
        found.append((kind, count))


def completion_from_chunks(chunks: Iterable[Mapping[str, Json]]) -> dict[str, Json]:
    """A stream's chunks as the ``chat.completion`` body they spell out."""
    body: dict[str, Any] = {"object": "chat.completion"}
    choices: dict[int, dict[str, Any]] = {}
    for chunk in chunks:
        for key in ("id", "created", "model", "system_fingerprint"):
            if chunk.get(key) is not None:
                body.setdefault(key, chunk[key])
        if isinstance(chunk.get("usage"), Mapping):
            body["usage"] = chunk["usage"]
        parts = chunk.get("choices")
        for part in parts if isinstance(parts, list) else ():
            if isinstance(part, (dict, Mapping)):
                _add_delta(choices, part)
    body["choices"] = [choices[i] for i in sorted(choices)]
    for choice in body["choices"]:
        calls = choice["message"].get("tool_calls")
        if calls is not None:
            choice["message"]["tool_calls"] = [calls[i] for i in sorted(calls)]
    return body


def answer_digest(answer: Answer) -> str:
    """Identity of what was said: text and tool calls, not ids, logprobs or finish reasons.

    Arguments are compared as JSON where they parse, so spacing makes no other answer.
    """
    calls = [[call.name, _canonical_arguments(call.arguments)] for call in answer.tool_calls]
    return digest([answer.text or "", calls])


def _canonical_arguments(arguments: str) -> str:
    try:
        return canonical_json(json.loads(arguments))
    except (ValueError, RecursionError):
        return arguments


def _add_delta(choices: dict[int, dict[str, Any]], part: Mapping[str, Json]) -> None:
    index = _count(part.get("index")) or 0
    choice = choices.setdefault(
        index, {"index": index, "message": {"role": "assistant", "content": None}}
    )
    message = choice["message"]
    delta = part.get("delta")
    delta = delta if isinstance(delta, (dict, Mapping)) else {}
    for key in ("content", "refusal"):
        if isinstance(delta.get(key), str):
            message[key] = (message.get(key) or "") + delta[key]
    calls = delta.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        if isinstance(call, (dict, Mapping)):
            _add_tool_delta(message.setdefault("tool_calls", {}), call)
    logprobs = part.get("logprobs")
    if isinstance(logprobs, (dict, Mapping)) and isinstance(logprobs.get("content"), list):
        kept = choice.setdefault("logprobs", {"content": []})
        kept["content"].extend(logprobs["content"])
    if part.get("finish_reason") is not None:
        choice["finish_reason"] = part["finish_reason"]


def _add_tool_delta(calls: dict[int, dict[str, Any]], delta: Mapping[str, Json]) -> None:
    stated = _count(delta.get("index"))
    index = len(calls) if stated is None else stated
    call = calls.setdefault(index, {"type": "function", "function": {"name": "", "arguments": ""}})
    if delta.get("id"):
        call["id"] = delta["id"]
    function = delta.get("function")
    if isinstance(function, (dict, Mapping)):
        for key in ("name", "arguments"):
            if isinstance(function.get(key), str):
                call["function"][key] += function[key]


def _tool_calls(calls: list[Json]) -> Iterable[ToolCall]:
    for call in calls:
        function = call.get("function") if isinstance(call, (dict, Mapping)) else None
        if not isinstance(function, (dict, Mapping)) or not isinstance(function.get("name"), str):
            continue
        arguments = function.get("arguments")
        if not isinstance(arguments, str):
            arguments = canonical_json(arguments if arguments is not None else {})
        yield ToolCall(name=function["name"], arguments=arguments, id=_text(call.get("id")))


def _logprobs(block: Json) -> tuple[TokenLogprob, ...] | None:
    if block is None:
        return None
    content = block.get("content") if isinstance(block, (dict, Mapping)) else None
    if not isinstance(content, list):
        return None
    return tuple([_token(t) for t in content if _is_token(t)])


def _token(entry: Mapping[str, Json]) -> TokenLogprob:
    top = entry.get("top_logprobs")
    others: tuple[tuple[str, float], ...] = ()
    if top and isinstance(top, list):
        others = tuple(
            [(str(t.get("token", "")), float(t["logprob"])) for t in top if _is_token(t)]
        )
    return TokenLogprob(str(entry.get("token", "")), float(entry["logprob"]), others)


def _is_token(entry: Json) -> bool:
    logprob = entry.get("logprob") if isinstance(entry, (dict, Mapping)) else None
    if not isinstance(logprob, (int, float)) or isinstance(logprob, bool):
        return False
    return -1e9 < logprob < 1e9


def _detail(block: Json, key: str) -> int | None:
    if block is None or not isinstance(block, (dict, Mapping)):
        return None
    return token_count(block.get(key))


def token_count(value: Json) -> int | None:
    """A number of tokens as an upstream states it; ``None`` where it cannot be one."""
    count = _count(value)
    return count if count is not None and count <= _MOST_TOKENS else None


def _count(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) else None
