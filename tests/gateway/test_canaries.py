"""Canaries as keys, prompts, answers and comments, sent through a gateway process in every way
there is to fail: looked for in all it says, writes and shows."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .anthropic_upstream import plain_message
from .running import PATIENCE_S, Loop, wait_until
from .test_traces import Collector
from .upstream import Answered, Asked, Upstream, chat_body, plain, stream

ENV_KEY, FILE_KEY = "sk-canary-env-3f81", "sk-canary-file-77c2"
CLIENT_KEY, ADMIN_KEY = "sk-downroute-" + "c4a7" * 16, "canary-admin-key-5d0e"
WRONG_KEY, PASSED_KEY = "sk-canary-wrong-91aa", "sk-canary-passed-08bd"
KEYS = (ENV_KEY, FILE_KEY, CLIENT_KEY, ADMIN_KEY, WRONG_KEY, PASSED_KEY)
PROMPT, ANSWER = "canary-prompt-zq", "canary-answer-wx"
QUERY, COMMENT = "canary-query-jk", "canary-comment-vb"
WORDS = (PROMPT, ANSWER, QUERY, COMMENT)
POLICY = """
version: 1
routes:
  - {task: triage, models: [small, large], checks: [{one_of: [bug]}], unproven: true}
  - {task: own, models: [small, large], checks: [{python: "my_checks:fails"}], unproven: true}
"""
CHECKS = "def fails(answer, request):\n    raise ValueError(answer['text'] + str(request))\n"
CONFIG = """
upstreams:
  main: {{base_url: '{url}', key: env:MAIN_KEY, timeout_s: 1, retries: {{most: 0}}}}
  other: {{base_url: '{url}', key: 'file:other.key', api: anthropic}}
  dead: {{base_url: 'http://127.0.0.1:9/v1', key: env:MAIN_KEY, retries: {{most: 0}}}}
models: {{large: {{}}, small: {{}}, claude: {{upstream: other}}, gone: {{upstream: dead}}}}
prices: {{large: {{input: 1, output: 2}}}}
telemetry: {{otlp: '{otlp}'}}
gateway:
  admin_key: env:ADMIN_KEY
  keys: {{app: {{digest: 'sha256:{digest}'}}}}
store: {{bodies: {bodies}}}
"""


def answer(asked: Asked) -> Answered:
    """As the request's words ask for it; every answer and every error quotes them, and every error
    the upstream's key."""
    said = f"{ANSWER} {PROMPT}"
    key = asked.headers.get("authorization") or asked.headers["x-api-key"]
    error = {"message": f"{said} {key}", "type": said, "code": key.removeprefix("Bearer ")}
    refusal = json.dumps({"error": error}).encode()
    for word, answered in {
        "refuse": Answered(refusal, status=400),
        "fail": Answered(refusal, status=500),
        "garbage": Answered(f'{{"{said}'.encode()),
        "cut": Answered(pieces=[f"data: {said}\n\n".encode()], cut=True, headers=EVENTS),
        "hang": Answered(wait_s=3),
        "claude": plain_message("claude", said),
    }.items():
        if word in asked.body.decode():
            return answered
    return stream("large", (said,)) if asked.json.get("stream") else plain("large", said)


EVENTS = {"content-type": "text/event-stream"}


class Gateway:
    """The process, and everything it let out."""

    def __init__(self, work: Path, url: str, otlp: str, bodies: str) -> None:
        digest = hashlib.sha256(CLIENT_KEY.encode()).hexdigest()
        text = CONFIG.format(url=url, otlp=otlp, bodies=bodies, digest=digest)
        (work / "downroute.yaml").write_text(text)
        (work / "policy.yaml").write_text(POLICY)
        (work / "my_checks.py").write_text(CHECKS)
        (work / "other.key").write_text(FILE_KEY)
        (work / "tmp").mkdir()
        environment = {"MAIN_KEY": ENV_KEY, "ADMIN_KEY": ADMIN_KEY, "TMPDIR": str(work / "tmp")}
        self.work = work
        self.errors = work / "stderr"
        command = [sys.executable, "-m", "downroute", "serve", "--port", "0"]
        if bodies == "none":
            command += ["--workers", "1"]
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [*command, "--log-calls", "--log-format", "json"],
                cwd=work,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, **environment, "OTEL_BSP_SCHEDULE_DELAY": "20"},
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found = re.search(rb":(\d+)/v1", line)
        assert found is not None, self.errors.read_text()
        self.port = int(found.group(1))
        self.let_out: dict[str, bytes] = {"stdout": line}

    def ask(self, name: str, method: str, path: str, body: object, key: str) -> bytes:
        """The reply's body. Its headers are let out, and so is what the gateway itself says."""
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        task = {"x-downroute-task": name} if name in ("triage", "own") else {}
        connection.request(method, path, sent, {"authorization": f"Bearer {key}", **task})
        reply = connection.getresponse()
        self.let_out[f"headers of {name}"] = str(reply.getheaders()).encode()
        said = reply.read()
        connection.close()
        return said

    def end(self, collector: Collector) -> None:
        """Stop it; keep what it wrote before and after."""
        self._look("while it ran")
        for process in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                self.let_out[str(process)] = process.read_bytes()
            except OSError:
                continue
        self.process.send_signal(signal.SIGTERM)
        out, _ = self.process.communicate(timeout=PATIENCE_S)
        self._look("after it ended")
        self.let_out |= {"rest of stdout": out, "traces": b"".join(collector.bodies)}

    def _look(self, when: str) -> None:
        for folder in (".downroute", "tmp"):
            for file in (self.work / folder).rglob("*"):
                if file.is_file():
                    self.let_out[f"{file.name} {when}"] = file.read_bytes()
        self.let_out["stderr"] = self.errors.read_bytes()

    def found(self, canary: str) -> list[str]:
        return [where for where, said in self.let_out.items() if canary.encode() in said]


def send_everything(gateway: Gateway) -> dict[str, bytes]:
    """Requests that work and requests that fail; what their replies say."""
    chat, key = "/v1/chat/completions", CLIENT_KEY

    def asking(word: str, model: str = "large", **more: Any) -> Any:
        return chat_body(f"{PROMPT} {word}", model, **more)

    replies = {
        "plain": gateway.ask("plain", "POST", chat, asking("plain"), key),
        "stream": gateway.ask("stream", "POST", chat, asking("stream", stream=True), key),
        "message": gateway.ask(
            "message", "POST", "/v1/messages", {**asking("m", "claude"), "max_tokens": 9}, key
        ),
    }
    for name in ("triage", "own", "refuse", "fail"):
        replies[name] = gateway.ask(name, "POST", chat, asking(name), key)
    gateway.ask("no messages", "POST", chat, {"model": "large", "messages": PROMPT}, key)
    for name in ("garbage", "cut"):
        gateway.ask(name, "POST", chat, asking(name, stream=name == "cut"), key)
    gateway.ask("embeddings", "POST", f"/v1/embeddings?q={QUERY}", asking("e"), key)
    for name, path, body, credential in (
        ("hang", chat, asking("hang"), key),
        ("unreachable", chat, asking("gone", "gone"), key),
        ("wrong key", chat, asking("plain"), WRONG_KEY),
        ("half a JSON", chat, f'{{"model": "large", "x": "{PROMPT}'.encode(), key),
        ("no model", chat, {"messages": [PROMPT]}, key),
        ("unknown path", f"/nowhere?q={QUERY}", {}, key),
        ("wrong API", "/v1/messages", asking("plain"), key),
        ("bad feedback", "/v1/feedback", {"call_id": 7, "comment": COMMENT}, key),
    ):
        gateway.let_out[name] = gateway.ask(name, "POST", path, body, credential)
    call = re.search(rb"call-[0-9a-f]{24}", gateway.let_out["headers of plain"])
    assert call is not None
    feedback = {"call_id": call.group().decode(), "verdict": "bad", "comment": COMMENT}
    gateway.let_out["feedback"] = gateway.ask("said", "POST", "/v1/feedback", feedback, key)
    for path in ("/metrics", "/ready", "/v1/models", "/health", "/openapi.json"):
        admin = path in ("/metrics", "/ready")
        sent = ADMIN_KEY if admin else key
        gateway.let_out[path] = gateway.ask(path, "GET", path, b"", sent)
        gateway.let_out[f"{path} refused"] = gateway.ask(path, "GET", path, b"", WRONG_KEY)
    return replies


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    loop, upstream = Loop(), Upstream()
    upstream.answer = answer
    loop.run(upstream.start())
    yield upstream
    loop.run(upstream.stop())
    loop.close()


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.close()


@pytest.mark.parametrize("bodies", ["none", "full"])
def test_canaries_are_found_nowhere_they_may_not_be(
    tmp_path: Path, upstream: Upstream, collector: Collector, bodies: str
) -> None:
    gateway = Gateway(tmp_path, upstream.url, collector.url, bodies)
    try:
        replies = send_everything(gateway)
        wait_until(lambda: b'"error": "timeout"' in gateway.errors.read_bytes())
        collector.await_spans(12)
    finally:
        gateway.end(collector)
    # Where they have to be, they are.
    assert all(ANSWER.encode() in said and PROMPT.encode() in said for said in replies.values())
    assert not any(key.encode() in said for said in replies.values() for key in KEYS)
    sent = str([asked.headers for asked in upstream.asked])
    assert ENV_KEY in sent and FILE_KEY in sent
    assert CLIENT_KEY not in sent and ADMIN_KEY not in sent
    assert b"my_checks:fails failed: ValueError" in gateway.let_out["stderr"]
    for key in KEYS:
        assert gateway.found(key) == []
    stored = {word: gateway.found(word) for word in WORDS}
    if bodies == "none":
        assert stored == {word: [] for word in WORDS}
    else:
        # The search finds what is there: words that were to be kept, in the store and nowhere else.
        assert stored[QUERY] == []
        for word in (PROMPT, ANSWER, COMMENT):
            assert stored[word] and all(where.startswith("store.db") for where in stored[word])
