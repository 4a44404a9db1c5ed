"""`benchmarks/gateway_fuzz.py`, run short; what it has found stands beside it by itself."""

from __future__ import annotations

import asyncio
import importlib
import json
from pathlib import Path
from types import ModuleType

import pytest

from .anthropic_upstream import plain_message
from .running import Start
from .test_messages import CONFIG as CLAUDE
from .upstream import Upstream, chat_body

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("gateway_fuzz")


def test_nothing_that_is_sent_makes_the_gateway_fail(benchmark: ModuleType, tmp_path: Path) -> None:
    every = asyncio.run(benchmark.fuzz(tmp_path, bodies=600, inputs=1200, answers=600, seed=20))
    for found in every:
        assert found.good, found.samples()
        assert found.statuses["200"] > 5 and found.statuses.total() > found.statuses["200"] + 30


@pytest.mark.parametrize("role", [{"a": 1}, ["x"], 7, None, True])
def test_a_role_that_is_no_word_is_the_upstreams_business(
    start: Start, upstream: Upstream, role: object
) -> None:
    gateway = start()
    body = chat_body()
    body["messages"].insert(1, {"role": role, "content": "x"})
    assert gateway.chat(body).status == 200
    body["messages"].append({"role": "tool", "tool_call_id": "1", "content": "x"})
    assert gateway.chat(body).status == 200
    assert len(upstream.asked) == 2


def test_messages_that_are_no_utf8_are_self_checked_without(
    start: Start, upstream: Upstream
) -> None:
    policy = """
version: 1
routes:
  - task: triage
    models: [small, large]
    unproven: true
    escalate:
      score: {words_out: 0.1}
      ask: {self_check: small, between: [0, 1], above: 0.5, score: {self_check: -1}}
"""
    gateway = start(policy, CLAUDE)
    upstream.answer = lambda asked: plain_message("small")
    ask = {"model": "large", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}
    sent = json.dumps(ask).encode().replace(b'"x"', b'"\xff"')
    headers = {"x-downroute-task": "triage"}
    assert gateway.request("POST", "/v1/messages", sent, headers).status == 200
    asked = [json.loads(a.body.decode(errors="replace")) for a in upstream.asked[:2]]
    assert [len(body["messages"]) for body in asked] == [1, 2]
