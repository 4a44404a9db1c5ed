"""PURE: Anthropic's Messages wire format read as OpenAI's chat format, which everything that judges
requests and answers understands.

What has no counterpart there (thinking blocks, cache control, server tools' results) is left out of
the reading; the gateway passes the original bytes on and nothing is lost on the wire. Malformed
parts read as missing. https://docs.anthropic.com/en/api/messages
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from downroute.prompts import canonical_json
from downroute.records import Json

_FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
_ALIKE = ("max_tokens", "temperature", "top_p", "stream", "metadata")


def chat_request(body: Mapping[str, Json]) -> dict[str, Json]:
    """A Messages request as a chat-completions request, without its model."""
    request: dict[str, Any] = {k: body[k] for k in _ALIKE if k in body}
    request["messages"] = [*_system(body.get("system")), *_messages(body.get("messages"))]
    tools = body.get("tools")
    if isinstance(tools, list) and tools:
        request["tools"] = [_tool(tool) for tool in tools if isinstance(tool, Mapping)]
    choice = _tool_choice(body.get("tool_choice"))
    if choice is not None:
        request["tool_choice"] = choice
    if isinstance(body.get("stop_sequences"), list):
        request["stop"] = body["stop_sequences"]
    schema = _output_schema(body)
    if schema is not None:
        named = {"name": "output", "schema": schema}
        request["response_format"] = {"type": "json_schema", "json_schema": named}
    return request


def chat_completion(message: Mapping[str, Json]) -> dict[str, Json]:
    """A Messages reply as a ``chat.completion``. Tokens written to the cache are part of the
    input."""
    said: dict[str, Any] = {"role": "assistant", "content": None}
    texts, calls = [], []
    for block in _blocks(message.get("content")):
        if block.get("type") == "text":
            texts.append(str(block.get("text") or ""))
        elif block.get("type") == "tool_use":
            calls.append(_tool_call(block))
    if texts:
        said["content"] = "".join(texts)
    if calls:
        said["tool_calls"] = calls
    stopped = message.get("stop_reason")
    if stopped == "refusal":
        said["refusal"] = said["content"] or "declined"
    finish = _FINISH.get(str(stopped)) if stopped is not None else None
    completion: dict[str, Any] = {
        "object": "chat.completion",
        "choices": [{"index": 0, "message": said, "finish_reason": finish, "logprobs": None}],
    }
    for name in ("id", "model"):
        if isinstance(message.get(name), str):
            completion[name] = message[name]
    usage = message.get("usage")
    if isinstance(usage, Mapping):
        completion["usage"] = _usage(usage)
    return completion


def message_from_events(events: Iterable[Mapping[str, Json]]) -> dict[str, Json]:
    """The Messages reply that a stream's events spell out."""
    message: dict[str, Any] = {}
    blocks: dict[int, dict[str, Any]] = {}
    partial: dict[int, str] = {}
    for event in events:
        kind = event.get("type")
        if kind == "message_start" and isinstance(event.get("message"), Mapping):
            message = {**event["message"]}
        elif kind == "content_block_start" and isinstance(event.get("content_block"), Mapping):
            blocks[_index(event)] = {**event["content_block"]}
        elif kind == "content_block_delta" and isinstance(event.get("delta"), Mapping):
            block = blocks.setdefault(_index(event), {"type": "text"})
            _add_delta(block, event["delta"], partial, _index(event))
        elif kind == "message_delta":
            delta = event.get("delta")
            message.update(delta if isinstance(delta, Mapping) else {})
            _add_usage(message, event.get("usage"))
    for index, text in partial.items():
        blocks[index]["input"] = _parsed(text)
    message["content"] = [blocks[index] for index in sorted(blocks)]
    return message


def events_of(message: Mapping[str, Json]) -> list[dict[str, Json]]:
    """A whole Messages reply as the events of a stream that says the same."""
    usage = message.get("usage")
    start = {**message, "content": [], "stop_reason": None, "stop_sequence": None}
    events: list[dict[str, Json]] = [{"type": "message_start", "message": start}]
    for index, block in enumerate(_blocks(message.get("content"))):
        opening, delta = _opened(block)
        events.append({"type": "content_block_start", "index": index, "content_block": opening})
        if delta is not None:
            events.append({"type": "content_block_delta", "index": index, "delta": delta})
        events.append({"type": "content_block_stop", "index": index})
    end = {k: message.get(k) for k in ("stop_reason", "stop_sequence")}
    spent = usage.get("output_tokens") if isinstance(usage, Mapping) else None
    events.append({"type": "message_delta", "delta": end, "usage": {"output_tokens": spent}})
    return [*events, {"type": "message_stop"}]


def _opened(block: Mapping[str, Json]) -> tuple[dict[str, Json], dict[str, Json] | None]:
    """A block as it begins in a stream, and the delta that fills it."""
    if block.get("type") == "text":
        return {**block, "text": ""}, {"type": "text_delta", "text": block.get("text")}
    if block.get("type") == "tool_use":
        text = json.dumps(block.get("input"), ensure_ascii=False)
        return {**block, "input": {}}, {"type": "input_json_delta", "partial_json": text}
    return {**block}, None


def _system(system: Json) -> list[dict[str, Json]]:
    text = _text(system)
    return [{"role": "system", "content": text}] if text else []


def _messages(messages: Json) -> list[dict[str, Json]]:
    found: list[dict[str, Json]] = []
    for message in messages if isinstance(messages, list) else ():
        if isinstance(message, Mapping):
            found.extend(_message(message))
    return found


def _message(message: Mapping[str, Json]) -> list[dict[str, Json]]:
    """One message; the results of tools in it are messages of their own in the chat format."""
    role, content = str(message.get("role")), message.get("content")
    if isinstance(content, str):
        return [{"role": role, "content": content}]
    results, parts, calls = [], [], []
    for block in _blocks(content):
        kind = block.get("type")
        if kind == "tool_result":
            said = _text(block.get("content"))
            results.append(
                {"role": "tool", "tool_call_id": block.get("tool_use_id"), "content": said}
            )
        elif kind == "tool_use":
            calls.append(_tool_call(block))
        elif (part := _part(block)) is not None:
            parts.append(part)
    if not parts and not calls:
        return results or [{"role": role, "content": ""}]
    texts = [p["text"] for p in parts if p["type"] == "text"]
    own: dict[str, Any] = {
        "role": role,
        "content": "\n".join(texts) if len(texts) == len(parts) else parts,
    }
    if calls:
        own["tool_calls"] = calls
        own["content"] = own["content"] or None
    return [*results, own]


def _part(block: Mapping[str, Json]) -> dict[str, Any] | None:
    if block.get("type") == "text":
        return {"type": "text", "text": str(block.get("text") or "")}
    source = block.get("source")
    if block.get("type") == "image" and isinstance(source, Mapping):
        url = source.get("url") or f"data:{source.get('media_type')};base64,{source.get('data')}"
        return {"type": "image_url", "image_url": {"url": url}}
    return None


def _tool(tool: Mapping[str, Json]) -> dict[str, Json]:
    function: dict[str, Any] = {"name": str(tool.get("name") or tool.get("type") or "")}
    if tool.get("description") is not None:
        function["description"] = tool["description"]
    if isinstance(tool.get("input_schema"), Mapping):
        function["parameters"] = tool["input_schema"]
    return {"type": "function", "function": function}


def _tool_choice(choice: Json) -> Json:
    if not isinstance(choice, Mapping):
        return None
    if choice.get("type") == "tool":
        return {"type": "function", "function": {"name": choice.get("name")}}
    return {"any": "required", "auto": "auto", "none": "none"}.get(str(choice.get("type")))


def _output_schema(body: Mapping[str, Json]) -> Json:
    config = body.get("output_config")
    wanted = config.get("format") if isinstance(config, Mapping) else body.get("output_format")
    if isinstance(wanted, Mapping) and wanted.get("type") == "json_schema":
        return wanted.get("schema")
    return None


def _tool_call(block: Mapping[str, Json]) -> dict[str, Json]:
    function = {"name": str(block.get("name")), "arguments": canonical_json(block.get("input"))}
    return {"id": block.get("id"), "type": "function", "function": function}


def _usage(usage: Mapping[str, Json]) -> dict[str, Json]:
    read, written = (
        _count(usage, "cache_read_input_tokens"),
        _count(usage, "cache_creation_input_tokens"),
    )
    fresh, output = usage.get("input_tokens"), usage.get("output_tokens")
    counted: dict[str, Json] = {"prompt_tokens": None, "completion_tokens": output}
    if isinstance(fresh, int):
        counted["prompt_tokens"] = fresh + read + written
    details = {"cached_tokens": read}
    if written:
        kept = usage.get("cache_creation")
        long = _count(kept, "ephemeral_1h_input_tokens") if isinstance(kept, Mapping) else 0
        long = min(long, written)
        details |= {"cache_write_tokens": written - long, "cache_write_1h_tokens": long}
    counted["prompt_tokens_details"] = details
    if usage.get("server_tool_use") is not None:
        counted["server_tool_use"] = usage["server_tool_use"]
    return counted


def _count(usage: Mapping[str, Json], name: str) -> int:
    value = usage.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _add_delta(
    block: dict[str, Any], delta: Mapping[str, Json], partial: dict[int, str], index: int
) -> None:
    if delta.get("type") == "input_json_delta":
        partial[index] = partial.get(index, "") + str(delta.get("partial_json") or "")
        return
    for name in ("text", "thinking", "signature"):
        if isinstance(delta.get(name), str):
            begun = block.get(name)
            block[name] = (begun if isinstance(begun, str) else "") + delta[name]


def _add_usage(message: dict[str, Any], usage: Json) -> None:
    if isinstance(usage, Mapping):
        known = message.get("usage")
        told = {k: v for k, v in usage.items() if v is not None}
        message["usage"] = {**(known if isinstance(known, Mapping) else {}), **told}


def _parsed(text: str) -> Json:
    """The input that a stream spelled out; the text as it came where that is no JSON."""
    if not text:
        return {}
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _index(event: Mapping[str, Json]) -> int:
    index = event.get("index")
    return index if isinstance(index, int) else 0


def _blocks(content: Json) -> list[Mapping[str, Json]]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if not isinstance(content, list):
        return []
    return [block for block in content if isinstance(block, Mapping)]


def _text(content: Json) -> str:
    blocks = _blocks(content)
    return "\n".join(str(b.get("text") or "") for b in blocks if b.get("type") == "text")
