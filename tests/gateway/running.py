"""A gateway that runs, and what a test wants of it."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import openai
import uvloop

from downroute.gateway.service import Started
from downroute.records import Call
from downroute.store import Store

T = TypeVar("T")

PATIENCE_S = 20.0
"""How long a test waits for what is certain to come; never how long it takes."""


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


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, "what was to come did not come"
        time.sleep(0.02)


Start = Callable[..., Gateway]
