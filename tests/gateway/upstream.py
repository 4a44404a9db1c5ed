"""An upstream that answers as a test tells it to, on a real socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass
class Asked:
    """One request as it reached the upstream."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    cancelled: bool = False
    target: str = ""
    """The path as it was sent, with its query."""

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def model(self) -> str:
        return str(self.json["model"])


@dataclass
class Answered:
    """What the upstream does: ``pieces`` are written one by one, a number being seconds to wait;
    ``cut`` ends the connection after them."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "application/json"})
    pieces: list[bytes | float] | None = None
    wait_s: float = 0.0
    cut: bool = False


class Upstream:
    """Answers by ``answer``, which a test replaces."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.answer: Callable[[Asked], Answered] = lambda asked: plain(asked.model)
        self.url = ""

    async def start(self) -> None:
        self._server = web.Server(
            self._serve,
            handler_cancellation=True,
            access_log=None,
            max_field_size=100_000,
            auto_decompress=False,
        )
        loop = asyncio.get_running_loop()
        self._listening = await loop.create_server(self._server, "127.0.0.1", 0)
        port = self._listening.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/v1"

    async def stop(self) -> None:
        self._listening.close()
        await self._server.shutdown(0.1)

    async def _serve(self, http: web.BaseRequest) -> web.StreamResponse:
        pieces = [piece async for piece in http.content.iter_any()]
        headers = {k.lower(): v for k, v in http.headers.items()}
        asked = Asked(http.method, http.path, headers, b"".join(pieces), target=http.raw_path)
        self.asked.append(asked)
        try:
            return await self._answer(http, self.answer(asked))
        except asyncio.CancelledError:
            asked.cancelled = True
            raise

    async def _answer(self, http: web.BaseRequest, answered: Answered) -> web.StreamResponse:
        await asyncio.sleep(answered.wait_s)
        if answered.pieces is None:
            if answered.cut and http.transport is not None:
                http.transport.close()
            return web.Response(
                status=answered.status, headers=answered.headers, body=answered.body
            )
        response = web.StreamResponse(status=answered.status, headers=answered.headers)
        await response.prepare(http)
        for piece in answered.pieces:
            if isinstance(piece, bytes):
                await response.write(piece)
                await asyncio.sleep(0)
            else:
                await asyncio.sleep(piece)
        if answered.cut and http.transport is not None:
            http.transport.close()
        return response


def plain(model: str, text: str = "billing", **more: Any) -> Answered:
    """A chat completion, spaced as no JSON library would space it."""
    logprobs = more.pop("logprobs", None)
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "logprobs": logprobs}
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": f"{model}-2026",
        "choices": [{**choice, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 10},
        **more,
    }
    return Answered(json.dumps(body, indent=1, ensure_ascii=False).encode() + b" \n")


def stream(
    model: str,
    words: tuple[str, ...] = ("bil", "ling"),
    *,
    usage: bool = True,
    end: bytes = b"\n\n",
    done: bool = True,
    **options: Any,
) -> Answered:
    """A chat completion in chunks, one piece each."""
    pieces = stream_events(model, words, usage=usage, end=end, done=done)
    headers = {"content-type": "text/event-stream; charset=utf-8", "x-request-id": "req-7"}
    return Answered(pieces=list(pieces), headers=headers, **options)


def stream_events(
    model: str,
    words: tuple[str, ...],
    *,
    usage: bool = True,
    end: bytes = b"\n\n",
    done: bool = True,
) -> list[bytes]:
    head = {"id": "c-1", "object": "chat.completion.chunk", "model": f"{model}-2026"}

    def event(**chunk: Any) -> bytes:
        return b"data: " + json.dumps({**head, **chunk}, ensure_ascii=False).encode() + end

    def choice(delta: Mapping[str, str], reason: str | None = None) -> bytes:
        return event(choices=[{"index": 0, "delta": delta, "finish_reason": reason}], usage=None)

    events = [choice({"role": "assistant", "content": ""})]
    events += [choice({"content": word}) for word in words]
    events.append(choice({}, "stop"))
    if usage:
        events.append(event(choices=[], usage={"prompt_tokens": 100, "completion_tokens": 10}))
    if done:
        events.append(b"data: [DONE]" + end)
    return events


def without_comments(body: bytes) -> bytes:
    """A stream's bytes without the comments of the gateway."""
    kept = [e for e in body.split(b"\n\n") if not e.startswith(b": ")]
    return b"\n\n".join(kept)


def chat_body(text: str = "Where is my invoice?", model: str = "large", **more: Any) -> Any:
    messages = [
        {"role": "system", "content": "Sort the ticket."},
        {"role": "user", "content": text},
    ]
    return {"model": model, "messages": messages, **more}
