"""The gateway as a whole: many calls at once, its imports, recorded answers behind it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from downroute.providers.replay.recordings import load
from downroute.providers.replay.server import serving
from downroute.providers.replay.settings import ReplaySettings

from .running import Loop, Start
from .test_chat import CASCADE

CALLS = 1000
CONCURRENCY = 32


@pytest.fixture
def recorded(loop: Loop, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A replay server of 50 requests whose every fifth the small model gets wrong, and its log."""
    rows = [
        {
            "id": f"r{n}",
            "task": "triage",
            "request": {"messages": [{"role": "user", "content": f"ticket {n}"}]},
            "responses": {
                "large": {"completion": completion("large", "bug")},
                "small": {"completion": completion("small", "what?" if n % 5 == 0 else "bug")},
            },
        }
        for n in range(50)
    ]
    file, log = tmp_path / "recording.jsonl", tmp_path / "replay.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    server = serving(load([file]), ReplaySettings(log=log))
    yield loop.run(server.__aenter__()), log
    loop.run(server.__aexit__(None, None, None))


def completion(model: str, text: str) -> object:
    message = {"role": "assistant", "content": text}
    return {
        "model": f"{model}-2026",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 20, "completion_tokens": 2, "total_tokens": 22},
    }


def test_a_thousand_calls_at_once_are_all_answered_and_all_logged(
    start: Start, recorded: tuple[str, Path]
) -> None:
    url, replay_log = recorded
    gateway = start(CASCADE, f"upstreams: {{replay: {{base_url: '{url}'}}}}")

    async def one(client: openai.AsyncOpenAI, number: int, free: asyncio.Semaphore) -> str:
        async with free:
            streamed = number % 4 == 0
            reply = await client.chat.completions.with_raw_response.create(
                model="large",
                messages=[{"role": "user", "content": f"ticket {number % 50}"}],
                stream=streamed,
                extra_headers={"x-downroute-task": "triage"},
            )
            parsed = reply.parse()
            if isinstance(parsed, openai.AsyncStream):
                words = [c.choices[0].delta.content or "" async for c in parsed]
                assert "".join(words) == "bug"
            else:
                assert parsed.choices[0].message.content == "bug"
            return reply.headers["x-downroute-call-id"]

    async def all_of_them() -> list[str]:
        free = asyncio.Semaphore(CONCURRENCY)
        async with openai.AsyncOpenAI(base_url=gateway.url, api_key="k", max_retries=0) as client:
            return await asyncio.gather(*(one(client, n, free) for n in range(CALLS)))

    ids = asyncio.run(all_of_them())
    calls = gateway.calls(CALLS)
    assert {c.id for c in calls} == set(ids)
    assert Counter(c.decision for c in calls) == {"accepted": 800, "escalated": 200}
    served = [json.loads(line) for line in replay_log.read_text().splitlines()]
    assert len(served) == sum(len(c.attempts) for c in calls) == 1200
    tokens = sum(line["usage"]["completion_tokens"] for line in served)
    assert tokens == sum(a.usage.output_tokens or 0 for c in calls for a in c.attempts)
    costs = {"small": (20 * 1 + 2 * 10) / 1e6, "large": (20 * 10 + 2 * 100) / 1e6}
    spent = sum(costs[line["model"]] for line in served)
    assert sum(c.cost_usd or 0 for c in calls) == pytest.approx(spent)


def test_serving_loads_no_numerical_library() -> None:
    code = """
import sys
import downroute.cli.serve, downroute.cli.pricing, downroute.gateway.service
heavy = {"numpy", "scipy", "sklearn", "duckdb", "genai_prices"} & set(sys.modules)
sys.exit(", ".join(sorted(heavy)) or 0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_serving_loads_what_compares_answers_and_schemas_only_once_a_call_needs_it() -> None:
    code = """
import sys
import downroute.cli.serve, downroute.cli.pricing, downroute.gateway.service
from downroute.answers.schema import validate
late = {"rapidfuzz", "jsonschema_rs"}
assert not late & set(sys.modules), late & set(sys.modules)
assert validate(1, {"type": "integer"}).valid
assert "jsonschema_rs" in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
