"""What an Anthropic-shaped upstream says, on the wire (docs.anthropic.com/en/api/messages)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from .upstream import Answered

HEADERS = {"content-type": "application/json", "request-id": "req_7"}


def message(
    model: str,
    text: str = "billing",
    *,
    blocks: Sequence[dict[str, Any]] = (),
    stop_reason: str = "end_turn",
    **usage: Any,
) -> dict[str, Any]:
    content = [*blocks, *([{"type": "text", "text": text}] if text else [])]
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": f"{model}-20260101",
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "usage": {"input_tokens": 100, "output_tokens": 10, **usage},
    }


def plain_message(model: str, text: str = "billing", **more: Any) -> Answered:
    """Spaced as no JSON library would space it."""
    body = json.dumps(message(model, text, **more), indent=1, ensure_ascii=False) + " \n"
    return Answered(body.encode(), headers=HEADERS)


def message_stream(
    model: str, words: Sequence[str] = ("bil", "ling"), *, end: bool = True, **options: Any
) -> Answered:
    return Answered(
        pieces=list(message_events(model, words, end=end)),
        headers={"content-type": "text/event-stream; charset=utf-8", "request-id": "req_7"},
        **options,
    )


def message_events(model: str, words: Sequence[str], *, end: bool = True) -> list[bytes]:
    start = {**message(model, ""), "stop_reason": None}
    start["usage"] = {"input_tokens": 100, "output_tokens": 1}
    block = {"type": "text", "text": ""}
    events = [
        event("message_start", message=start),
        event("content_block_start", index=0, content_block=block),
        event("ping"),
    ]
    for word in words:
        delta = {"type": "text_delta", "text": word}
        events.append(event("content_block_delta", index=0, delta=delta))
    if end:
        stop = {"stop_reason": "end_turn", "stop_sequence": None}
        events += [
            event("content_block_stop", index=0),
            event("message_delta", delta=stop, usage={"output_tokens": 10}),
            event("message_stop"),
        ]
    return events


def event(kind: str, **facts: Any) -> bytes:
    data = json.dumps({"type": kind, **facts}, ensure_ascii=False)
    return f"event: {kind}\ndata: {data}\n\n".encode()


def error(status: int, kind: str, text: str) -> Answered:
    body = {"type": "error", "error": {"type": kind, "message": text}, "request_id": "req_7"}
    return Answered(json.dumps(body).encode(), status=status, headers=HEADERS)
