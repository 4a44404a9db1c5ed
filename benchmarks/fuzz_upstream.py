"""An upstream of both shapes that answers whatever it is asked; used by `gateway_fuzz.py`."""

from __future__ import annotations

import asyncio
import json
import random
import re

from fuzz_inputs import mutated

SAID = (
    "billing",
    '{"a": 1, "b": "x"}',
    "",
    "I cannot help.",
    "4.50 € “mine” [1]",
    "```python\nx =\n```",
)


class Upstream(asyncio.Protocol):
    """Answers whatever is asked, a tenth of the plain replies mutated."""

    def __init__(self, draw: random.Random) -> None:
        self._draw = draw
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, found, rest = self._data.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        if found and len(rest) >= (size := int(length[1]) if length else 0):
            self._data = rest[size:]
            self._transport.write(self._answer(head, rest[:size]))  # type: ignore[attr-defined]

    def _answer(self, head: bytes, body: bytes) -> bytes:
        anthropic = b"/messages" in head.split(b"\r\n", 1)[0]
        text = self._draw.choice(SAID)
        try:
            streams = json.loads(body).get("stream") is True
        except (ValueError, AttributeError, RecursionError):
            streams = False
        if streams:
            return _reply(_events(anthropic, text), "text/event-stream")
        said = json.dumps(_message(text) if anthropic else _completion(text)).encode()
        if self._draw.random() < 0.1:
            said = mutated(self._draw, said, (said,))
        return _reply(said, "application/json")


def _reply(body: bytes, kind: str) -> bytes:
    head = f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _completion(text: str) -> dict[str, object]:
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    usage = {"prompt_tokens": 10, "completion_tokens": 2}
    return {
        "id": "c",
        "object": "chat.completion",
        "model": "m",
        "choices": [choice],
        "usage": usage,
    }


def _message(text: str) -> dict[str, object]:
    usage = {"input_tokens": 10, "output_tokens": 2}
    content = [{"type": "text", "text": text}]
    base = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": content}
    return {**base, "stop_reason": "end_turn", "stop_sequence": None, "usage": usage}


def _events(anthropic: bool, text: str) -> bytes:
    if not anthropic:
        delta = {"index": 0, "delta": {"content": text}, "finish_reason": "stop"}
        chunk = {"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [delta]}
        return b"data: " + json.dumps(chunk).encode() + b"\n\ndata: [DONE]\n\n"
    whole = _message("")
    events: list[dict[str, object]] = [
        {"type": "message_start", "message": {**whole, "content": [], "stop_reason": None}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": whole["usage"]},
        {"type": "message_stop"},
    ]
    return b"".join(
        b"event: %b\ndata: %b\n\n" % (str(e["type"]).encode(), json.dumps(e).encode())
        for e in events
    )
