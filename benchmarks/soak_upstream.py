"""An upstream of both APIs that does to each call what the call's headers say; used by
`gateway_soak.py`.

``x-soak-fault: NAME`` and ``x-soak-at: small|large|both`` say what goes wrong, and at which of the
two models; ``x-soak-escalate: yes`` has the small one give an answer that fails its check."""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

NONCE = re.compile(r"nonce-\d+")
SMALL = {"small", "haiku"}
UNSURE, SURE = "perhaps", "surely"
_TYPES = {False: "application/json", True: "text/event-stream; charset=utf-8"}


class SoakUpstream:
    """``down`` answers everything that the small models are asked with 503."""

    def __init__(self, seed: int) -> None:
        self.down = False
        self.asked_for: set[str] = set()
        self._draw = random.Random(seed)
        self._open: set[asyncio.StreamWriter] = set()
        self._failed_once: set[str] = set()

    async def start(self) -> int:
        """The port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**22)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        self._server.close()
        for writer in [*self._open]:
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        with suppress(asyncio.IncompleteReadError, OSError):
            while await self._answer(reader, writer):
                pass
        self._open.discard(writer)
        with suppress(OSError):
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; whether another may follow."""
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines if line)
        body = json.loads(await reader.readexactly(int(headers.get("content-length", 0))) or b"{}")
        said = Said(first.split()[1], body, headers)
        self.asked_for.add(said.nonce)
        if self.down and said.small:
            writer.write(_whole(_error(said), 503))
            return True
        fault = headers.get("x-soak-fault", "")
        if headers.get("x-soak-at") in ("both", "small" if said.small else "large") and fault:
            if fault != "503 once":
                return await FAULTS[fault](said, reader, writer)
            if said.nonce not in self._failed_once:
                self._failed_once.add(said.nonce)
                writer.write(_whole(_error(said), 503))
                return True
            self._failed_once.discard(said.nonce)
        if not said.streams:
            await asyncio.sleep(self._draw.uniform(0.005, 0.06))
            writer.write(_whole(said.body()))
            return True
        writer.write(_head(True, "transfer-encoding: chunked"))
        for event in said.events(self._draw.randrange(3, 12)):
            writer.write(_chunk(event))
            await writer.drain()
            await asyncio.sleep(self._draw.uniform(0.002, 0.03))
        writer.write(b"0\r\n\r\n")
        return True


class Said:
    """One request, and what answers it."""

    def __init__(self, path: str, asked: dict[str, Any], headers: dict[str, str]) -> None:
        self.anthropic = path.endswith("/messages")
        self.embeds = path.endswith("/embeddings")
        self.model = str(asked.get("model"))
        self.small = self.model in SMALL
        self.streams = asked.get("stream") is True
        self.calls_tool = bool(asked.get("tools"))
        found = NONCE.search(json.dumps(asked.get("messages", asked.get("input", ""))))
        self.nonce = found[0] if found else ""
        unsure = self.small and headers.get("x-soak-escalate") == "yes"
        self.text = f"{UNSURE if unsure else SURE} {self.nonce}"
        self.arguments = json.dumps({"q": self.nonce})

    def body(self) -> bytes:
        return json.dumps(self._message() if self.anthropic else self._completion()).encode()

    def events(self, words: int) -> list[bytes]:
        return self._anthropic_events(words) if self.anthropic else self._chunks(words)

    def _completion(self) -> dict[str, Any]:
        if self.embeds:
            data = [{"index": 0, "embedding": [0.5] * 64, "object": self.nonce}]
            return {"object": "list", "data": data, "usage": {"prompt_tokens": 5}}
        message: dict[str, Any] = {"role": "assistant", "content": self.text}
        if self.calls_tool:
            function = {"name": "look_up", "arguments": self.arguments}
            message["tool_calls"] = [{"id": "t", "type": "function", "function": function}]
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 100, "completion_tokens": 10}
        return {"id": "c", "model": self.model, "choices": [choice], "usage": usage}

    def _message(self) -> dict[str, Any]:
        content: list[dict[str, Any]] = [{"type": "text", "text": self.text}]
        if self.calls_tool:
            block = {"type": "tool_use", "id": "t", "name": "look_up", "input": {"q": self.nonce}}
            content.append(block)
        return {
            "id": "m",
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": content,
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 100, "output_tokens": 10},
        }

    def _chunks(self, words: int) -> list[bytes]:
        def chunk(delta: dict[str, Any], reason: str | None = None) -> bytes:
            choice = {"index": 0, "delta": delta, "finish_reason": reason}
            return _data({"id": "c", "model": self.model, "choices": [choice]})

        events = [chunk({"role": "assistant", "content": ""}), chunk({"content": self.text})]
        events += [chunk({"content": f" word{n}"}) for n in range(words)]
        if self.calls_tool:
            function = {"name": "look_up", "arguments": self.arguments}
            called = {"index": 0, "id": "t", "type": "function", "function": function}
            events.append(chunk({"tool_calls": [called]}))
        usage = {"prompt_tokens": 100, "completion_tokens": 10}
        last = _data({"id": "c", "model": self.model, "choices": [], "usage": usage})
        return [*events, chunk({}, "stop"), last, b"data: [DONE]\n\n"]

    def _anthropic_events(self, words: int) -> list[bytes]:
        whole = {**self._message(), "content": [], "stop_reason": None}
        events: list[dict[str, Any]] = [{"type": "message_start", "message": whole}]
        texts = [self.text, *(f" word{n}" for n in range(words))]
        events += _block(0, {"type": "text", "text": ""}, [_delta("text", t) for t in texts])
        if self.calls_tool:
            tool = {"type": "tool_use", "id": "t", "name": "look_up", "input": {}}
            delta = {"type": "input_json_delta", "partial_json": self.arguments}
            events += _block(1, tool, [delta])
        stop = {"stop_reason": "end_turn", "stop_sequence": None}
        events += [
            {"type": "message_delta", "delta": stop, "usage": {"output_tokens": 10}},
            {"type": "message_stop"},
        ]
        return [b"event: %b\n%b" % (str(e["type"]).encode(), _data(e)) for e in events]


def _delta(kind: str, text: str) -> dict[str, Any]:
    return {"type": f"{kind}_delta", kind: text}


def _block(index: int, block: dict[str, Any], deltas: list[dict[str, Any]]) -> list[dict[str, Any]]:
    changes = [{"type": "content_block_delta", "index": index, "delta": d} for d in deltas]
    start = {"type": "content_block_start", "index": index, "content_block": block}
    return [start, *changes, {"type": "content_block_stop", "index": index}]


def _data(value: Any) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def _head(streams: bool, framing: str, status: int = 200, kind: str | None = None) -> bytes:
    kind = kind or _TYPES[streams]
    return f"HTTP/1.1 {status} Said\r\ncontent-type: {kind}\r\n{framing}\r\n\r\n".encode()


def _whole(body: bytes, status: int = 200, kind: str | None = None) -> bytes:
    return _head(False, f"content-length: {len(body)}", status, kind) + body


def _chunk(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece)


def _error(said: Said) -> bytes:
    error = {"type": "overloaded_error", "message": "no", "param": None, "code": "no"}
    return json.dumps(
        {"type": "error", "error": error} if said.anthropic else {"error": error}
    ).encode()


# Faults: each says what it says, and whether another request may follow.

Fault = Callable[[Said, asyncio.StreamReader, asyncio.StreamWriter], Any]


def _status(status: int) -> Fault:
    async def answers(said: Said, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(_whole(_error(said), status))
        return True

    return answers


async def _reset(_: Said, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    writer.transport.abort()
    return False


async def _close(_: Said, __: asyncio.StreamReader, ___: asyncio.StreamWriter) -> bool:
    return False


async def _hang(_: Said, reader: asyncio.StreamReader, __: asyncio.StreamWriter) -> bool:
    await reader.read()
    return False


async def _garbage(_: Said, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
    return False


async def _html(_: Said, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    writer.write(_whole(b"<html>down</html>", 200, "text/html"))
    return True


async def _cut(said: Said, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Half of the answer, then the end of the connection."""
    _half(said, writer)
    return False


async def _stall(said: Said, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Half of the answer, then nothing."""
    _half(said, writer)
    await reader.read()
    return False


def _half(said: Said, writer: asyncio.StreamWriter) -> None:
    if said.streams:
        writer.write(_head(True, "transfer-encoding: chunked"))
        writer.write(b"".join(_chunk(event) for event in said.events(4)[:3]) + b"40\r\nda")
    else:
        writer.write(_whole(said.body())[:-30])


async def _half_json(said: Said, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """A reply that is whole as HTTP, and ends in the middle of what it says."""
    if said.streams:
        writer.write(_head(True, "transfer-encoding: chunked"))
        writer.write(b"".join(_chunk(event) for event in said.events(4)[:3]) + b"0\r\n\r\n")
    else:
        writer.write(_whole(said.body()[:40]))
    return True


async def _error_as_200(said: Said, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    if not said.streams:
        writer.write(_whole(_error(said)))
        return True
    event = b"event: error\n" if said.anthropic else b""
    pieces = [*said.events(4)[:3], event + b"data: " + _error(said) + b"\n\n"]
    writer.write(_head(True, "transfer-encoding: chunked"))
    writer.write(b"".join(map(_chunk, pieces)) + b"0\r\n\r\n")
    return True


FAULTS: dict[str, Fault] = {
    **{str(status): _status(status) for status in (400, 429, 500, 529)},
    "reset": _reset,
    "close": _close,
    "hang": _hang,
    "garbage": _garbage,
    "html": _html,
    "cut": _cut,
    "stall": _stall,
    "half json": _half_json,
    "error as 200": _error_as_200,
}
