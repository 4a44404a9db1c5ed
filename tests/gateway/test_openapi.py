"""The published document, held against a gateway in front of a replay server and a stand-in of
Anthropic's: schemathesis asks whatever it allows and forbids, and every reply has to be in it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from unittest.mock import Mock

import pytest

from downroute.gateway.door import Door
from downroute.gateway.handler import Handler
from downroute.gateway_settings import GatewaySettings
from downroute.providers.replay.recordings import load
from downroute.providers.replay.server import serving
from downroute.providers.replay.settings import ReplaySettings

from .anthropic_upstream import message_stream, plain_message
from .running import Loop, Start
from .upstream import Answered, Asked, Upstream

POLICY = """
version: 1
routes:
  - task: support-triage
    models: [small, gpt-4o]
    checks: [{one_of: [billing, bug]}]
    unproven: true
"""
ANTHROPIC = "claude-sonnet-4-5"


@pytest.fixture
def replay(loop: Loop, tmp_path: Path) -> Iterator[str]:
    def answer(model: str, text: str) -> object:
        said = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": said, "finish_reason": "stop"}
        return {"completion": {"model": f"{model}-2026", "choices": [choice]}}

    file = tmp_path / "recording.jsonl"
    request = {"messages": [{"role": "user", "content": "ticket 1"}]}
    responses = {"gpt-4o": answer("gpt-4o", "bug"), "small": answer("small", "what?")}
    file.write_text(json.dumps({"id": "r", "request": request, "responses": responses}))
    server = serving(load([file]), ReplaySettings())
    yield loop.run(server.__aenter__())
    loop.run(server.__aexit__(None, None, None))


def as_anthropic_does(asked: Asked) -> Answered:
    try:
        body = asked.json
        messages = body["messages"]
        known = body["model"] == ANTHROPIC
    except (ValueError, KeyError, TypeError):
        return refused(400, "invalid_request_error")
    if not known:
        return refused(404, "not_found_error")
    good = (
        isinstance(messages, list)
        and messages
        and all(isinstance(m, dict) and {"role", "content"} <= m.keys() for m in messages)
        and type(body.get("max_tokens")) in (int, float)
        and body["max_tokens"] >= 1
        and int(body["max_tokens"]) == body["max_tokens"]
    )
    if not good:
        return refused(400, "invalid_request_error")
    return (message_stream if body.get("stream") is True else plain_message)(ANTHROPIC)


def refused(status: int, kind: str) -> Answered:
    error = {"type": "error", "error": {"type": kind, "message": "as Anthropic says it"}}
    return Answered(json.dumps(error).encode(), status)


def test_no_request_that_the_document_allows_or_forbids_gets_a_reply_it_does_not_describe(
    start: Start, upstream: Upstream, replay: str
) -> None:
    upstream.answer = as_anthropic_does
    first = f"replay: {{base_url: '{replay}'}}"
    gateway = start(POLICY, f"upstreams: {{{first}, ant: {{base_url: UPSTREAM, api: anthropic}}}}")
    command = [sys.executable, "-m", "schemathesis.cli", "run", "--seed", "7", "--checks", "all"]
    command += ["--max-examples", "8", "--generation-database", "none", "--no-color"]
    ran = subprocess.run(
        [*command, gateway.url.removesuffix("/v1") + "/openapi.json"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr
    assert "Server error" not in ran.stdout
    assert {asked.model for asked in upstream.asked if b'"model"' in asked.body} >= {ANTHROPIC}


def test_the_document_describes_every_path_that_is_served_and_no_other(start: Start) -> None:
    document = start().request("GET", "/openapi.json").json
    assert document["info"]["version"] == version("downroute")
    described = {path.removeprefix("/v1") for path in document["paths"]} - {"/models/{model}"}
    unused = (Mock() for _ in range(7))
    assert set(Handler(*unused, Counter(), Door(GatewaySettings())).served) == described


def test_a_path_of_anthropic_s_api_refuses_in_its_shape(start: Start) -> None:
    got = start().request("GET", "/v1/messages")
    assert got.status == 405 and got.headers["allow"] == "POST"
    assert got.json["type"] == "error"
