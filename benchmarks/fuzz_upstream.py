"""An upstream of both shapes that answers whatever it is asked; used by `gateway_fuzz.py`."""

from __future__ import annotations

import asyncio
import json
import random
import re

from fuzz_inputs import damaged, mutated

SAID = (
    "billing",
    '{"a": 1, "b": "x"}',
    "",
    "I cannot help.",
    "4.50 € “mine” [1]",
    "```python\nx =\n```",
)


NONCE = re.compile(rb"nonce-[0-9a-f]{16}")
"""A word of the request that the answer says again, so that an answer to another is known."""


class Upstream(asyncio.Protocol):
    """Answers whatever is asked, a tenth of the plain replies with mutated JSON; where it is
    ``wild``, half of all replies have something wrong with their bytes, the head included, and most
    of those end the connection."""

    def __init__(self, draw: random.Random, *, wild: bool = False) -> None:
        self._draw = draw
        self._wild = wild
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, found, rest = self._data.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        if found and len(rest) >= (size := int(length[1]) if length else 0):
            self._data = rest[size:]
            self._say(self._answer(head, rest[:size]))

    def _say(self, reply: bytes) -> None:
        wrong = self._wild and self._draw.random() < 0.5
        self._transport.write(damaged(self._draw, reply) if wrong else reply)  # type: ignore[attr-defined]
        if wrong and self._draw.random() < 0.8:
            self._transport.close()

    def _answer(self, head: bytes, body: bytes) -> bytes:
        anthropic = b"/messages" in head.split(b"\r\n", 1)[0]
        nonce = NONCE.search(body)
        text = self._draw.choice(SAID) + (nonce[0].decode() if nonce else "")
        try:
            streams = json.loads(body).get("stream") is True
        except (ValueError, AttributeError, RecursionError):
            streams = False
        if streams:
            return self._reply(_events(anthropic, text), "text/event-stream")
        said = json.dumps(_message(text) if anthropic else _completion(text)).encode()
        if self._draw.random() < 0.1:
            said = mutated(self._draw, said, (said,))
        return self._reply(said, "application/json")

    def _reply(self, body: bytes, kind: str) -> bytes:
        head = f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n"
        if not self._wild or self._draw.random() < 0.5:
            return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body
        cut = self._draw.randrange(len(body) + 1)
        chunks = [b"%x\r\n%b\r\n" % (len(p), p) for p in (body[:cut], body[cut:]) if p]
        framing = b"transfer-encoding: chunked\r\n\r\n"
        return head.encode() + framing + b"".join(chunks) + b"0\r\n\r\n"


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
