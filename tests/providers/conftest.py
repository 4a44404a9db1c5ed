"""A small recording, and a replay server on a thread of its own, for every test of this room."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from downroute.providers.replay.recordings import load
from downroute.providers.replay.server import serving
from downroute.providers.replay.settings import ReplaySettings

WEATHER_TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a town.",
        "parameters": {"type": "object", "properties": {"town": {"type": "string"}}},
    },
}


def completion(content: str | None, *, model: str = "big-2026-01-01", **choice: Any) -> Any:
    message = {"role": "assistant", "content": content, **choice.pop("message", {})}
    return {
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop", **choice}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
    }


def tool_completion() -> Any:
    calls = [
        {
            "id": f"call_{town}",
            "type": "function",
            "function": {"name": "get_weather", "arguments": json.dumps({"town": town})},
        }
        for town in ("Århus", "São Tomé")
    ]
    return completion(None, finish_reason="tool_calls", message={"tool_calls": calls})


def user(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def rows() -> list[dict[str, Any]]:
    tokens = [
        {"token": "Yes", "logprob": -0.25, "top_logprobs": [{"token": "Yes", "logprob": -0.25}]},
        {"token": "!", "logprob": -0.5, "top_logprobs": [{"token": "!", "logprob": -0.5}]},
    ]
    long = "Naïve  café — 北京 is big;\n\n\t“quoted” 🙂 " * 40
    return [
        {
            "id": "r-text",
            "task": "chat",
            "request": {"messages": user("Tell me something long")},
            "responses": {
                "big": {"completion": completion(long), "latency_s": 0.06, "score": 1.0},
                "small": {"completion": completion("Short.", model="small"), "score": 0.0},
            },
        },
        {
            "id": "r-tools",
            "task": "tools",
            "request": {"messages": user("Weather?"), "tools": [WEATHER_TOOL]},
            "responses": {"big": {"completion": tool_completion()}},
        },
        {
            "id": "r-logprobs",
            "task": "mc",
            "request": {"messages": user("Sure?")},
            "responses": {
                "big": {"completion": completion("Yes!", logprobs={"content": tokens})},
                "vendor/tiny:free": {"completion": completion("Yes!")},
            },
        },
        {
            "id": "r-refusal",
            "task": "chat",
            "request": {"messages": user("Do something bad")},
            "responses": {
                "big": {"completion": completion(None, message={"refusal": "I cannot do that."})}
            },
        },
        {
            "id": "r-again",
            "task": "chat",
            "request": {"messages": user("Sure?")},
            "responses": {
                "big": {"completion": completion("Another answer")},
                "small": {"completion": completion("Only here")},
            },
        },
    ]


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    file = tmp_path / "recording.jsonl"
    file.write_text("".join(json.dumps(r) + "\n" for r in rows()), encoding="utf-8")
    return file


@contextmanager
def replay_on_a_thread(files: list[Path], settings: ReplaySettings) -> Iterator[str]:
    urls: list[str] = []
    listening = threading.Event()
    stop: list[Callable[[], object]] = []

    async def main() -> None:
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        stop.append(lambda: loop.call_soon_threadsafe(stopped.set))
        async with serving(load(files), settings) as url:
            urls.append(url)
            listening.set()
            await stopped.wait()

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    try:
        assert listening.wait(30)
        yield urls[0]
    finally:
        stop[0]()
        thread.join(10)
        assert not thread.is_alive()


@pytest.fixture
def replay() -> Callable[..., Any]:
    """``with replay(files, **settings) as base_url``: the server, for as long as the block runs."""

    def run(files: list[Path] | Path, **settings: Any) -> Any:
        files = [files] if isinstance(files, Path) else files
        return replay_on_a_thread(files, ReplaySettings(**settings))

    return run


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The official client honours the environment's proxies; loopback is never behind one."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
