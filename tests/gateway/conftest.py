"""A gateway on real sockets, in front of an upstream that answers as a test tells it to."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import openai
import pytest
import uvloop
from aiohttp import web

from downroute import config
from downroute.cli.pricing import price_table
from downroute.config import Settings
from downroute.gateway.service import Started, gateway
from downroute.records import Call
from downroute.store import Store

T = TypeVar("T")

PATIENCE_S = 20.0
"""How long a test waits for what is certain to come; never how long it takes."""

PRICES = """
prices:
  large: {input: 10, output: 100}
  small: {input: 1, output: 10}
"""


class Loop:
    """An event loop on a thread of its own, so that blocking clients can be used beside it."""

    def __init__(self) -> None:
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_S * 2)

    def close(self) -> None:
        self.run(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@dataclass
class Asked:
    """One request as it reached the upstream."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    cancelled: bool = False

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
        self._server = web.Server(self._serve, handler_cancellation=True, access_log=None)
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
        asked = Asked(http.method, http.path, headers, b"".join(pieces))
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


@dataclass
class Got:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def said(self, name: str) -> str | None:
        """One of the gateway's own headers."""
        return self.headers.get(f"x-downroute-{name}")


@dataclass
class Gateway:
    """A gateway that runs."""

    url: str
    policy: Path
    store: Path
    started: Started

    def request(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Got:
        """A request as its bytes are, without any client's help."""
        address = urlsplit(self.url)
        connection = http.client.HTTPConnection(
            str(address.hostname), address.port, timeout=PATIENCE_S
        )
        try:
            connection.request(method, path, body, dict(headers or {}))
            reply = connection.getresponse()
            names = {k.lower(): v for k, v in reply.getheaders()}
            return Got(reply.status, names, reply.read())
        finally:
            connection.close()

    def chat(self, body: bytes | Mapping[str, Any], task: str | None = None, **hints: str) -> Got:
        headers = {"content-type": "application/json", **hints}
        if task is not None:
            headers["x-downroute-task"] = task
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.request("POST", "/v1/chat/completions", sent, headers)

    def client(self, **options: Any) -> openai.OpenAI:
        return openai.OpenAI(base_url=self.url, **{"api_key": "k", "max_retries": 0, **options})

    def calls(self, expected: int, *, with_bodies: bool = False) -> list[Call]:
        """The log, once it holds as many calls as a test has made."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            with Store.open(self.store) as store:
                found = list(store.calls.each(with_bodies=with_bodies))
            if len(found) >= expected or time.monotonic() > deadline:
                assert len(found) == expected
                return found
            time.sleep(0.02)

    def ready(self) -> Any:
        return self.request("GET", "/ready").json

    def wait_until(self, true: Callable[[], bool]) -> None:
        wait_until(true)


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, "what was to come did not come"
        time.sleep(0.02)


Start = Callable[..., Gateway]


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


@pytest.fixture
def upstream(loop: Loop) -> Iterator[Upstream]:
    upstream = Upstream()
    loop.run(upstream.start())
    yield upstream
    loop.run(upstream.stop())


@pytest.fixture
def start(loop: Loop, upstream: Upstream, tmp_path: Path) -> Iterator[Start]:
    """``start(policy text or None, configuration text, **environment)`` → a gateway."""
    stack = AsyncExitStack()

    def start_gateway(
        policy: str | None = None, configuration: str = "", **environment: str
    ) -> Gateway:
        text = configuration.replace("UPSTREAM", upstream.url) or "{}"
        settings = config.parse(PRICES + text if configuration else PRICES, "downroute.yaml")
        if not settings.upstreams:
            only = config.Upstream(base_url=upstream.url)
            settings = settings.model_copy(update={"upstreams": {"test": only}})
        path = tmp_path / "policy.yaml"
        if policy is not None:
            path.write_text(policy)
        store = settings.store.model_copy(update={"path": tmp_path / "store"})
        settings = settings.model_copy(update={"store": store})
        started = loop.run(stack.enter_async_context(_gateway(settings, path, environment)))
        return Gateway(started.url, path, store.path, started)

    yield start_gateway
    loop.run(stack.aclose())


def _gateway(settings: Settings, policy: Path, environment: Mapping[str, str]) -> Any:
    return gateway(settings, policy, lambda: price_table(settings), environment=environment)


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
