"""Every fault of an upstream × plain or streamed × alone or in a cascade × both APIs.

All cases run at once against one gateway of each kind, as they would in an hour of bad luck; each
test then looks at what became of its own.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from downroute import config
from downroute.cli.pricing import price_table
from downroute.gateway import chat_stream
from downroute.gateway.service import gateway
from downroute.gateway.transport import upstream_exchange
from downroute.records import Call, Decision, Purpose
from downroute.store import Store

from ..running import PATIENCE_S, Got, Loop, wait_until
from . import table
from .cases import FAULTS, LARGE_BYTES, Gets
from .raw_upstream import RawUpstream, Script, Shape, Unanswering, chat, chunked, messages, said

IN_TIME_S = 15.0
"""Time-outs add up to about six seconds, and all cases share the machine's cores."""
PRICES = {"free": 0.0, "unknown": None}
SMALL_USD, LARGE_USD = 0.0002, 0.002


@dataclass(frozen=True)
class Case:
    fault: str
    streamed: bool
    cascade: bool
    api: str

    @property
    def id(self) -> str:
        how = f"{'stream' if self.streamed else 'plain'}, {'cascade' if self.cascade else 'direct'}"
        return f"{self.fault} ({how}, {self.api})"

    @property
    def gets(self) -> Gets:
        fault = FAULTS[self.fault]
        found = fault.streamed if self.streamed else fault.gets
        if self.streamed and self.cascade:
            found = fault.held or found
        assert found is not None
        return found

    @property
    def shape(self) -> Shape:
        return shape("small", self.api)


def shape(model: str, api: str) -> Shape:
    return (chat if api == "openai" else messages)(model)


CASES = [
    Case(fault, streamed, cascade, api)
    for fault, one in FAULTS.items()
    for streamed in (False, True)
    if (one.streamed if streamed else one.gets) is not None
    for cascade in (False, True)
    for api in ("openai", "anthropic")
]
BY_ID = {case.id: case for case in CASES}


@dataclass(frozen=True)
class Ran:
    got: Got
    took_s: float
    calls: list[Call]


def answer_of(headers: dict[str, str], model: str, path: str) -> Script:
    """The large model always answers; the small one as its case says."""
    name, wants_stream = headers["x-fault"], headers["x-streamed"] == "yes"
    said_as = shape(model, "anthropic" if path.endswith("/messages") else "openai")
    if model == "large":
        return chunked(*said_as.events) if wants_stream else [said(said_as.good)]
    fault = FAULTS[next(n for n in FAULTS if n.lower() == name)]
    script = fault.stream if wants_stream else fault.plain
    assert script is not None
    return script(said_as)


class Stage:
    """The upstreams and the two gateways."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.upstreams, self.gateways = Loop(), Loop()
        self.raw = RawUpstream(answer_of)
        self.unanswering = Unanswering()
        self.refusing = socket.socket()
        self.refusing.bind(("127.0.0.1", 0))
        self.stack = AsyncExitStack()
        self.urls: dict[tuple[bool, str], str] = {}

    def build(self) -> None:
        self.upstreams.run(self.raw.start())
        for api in ("openai", "anthropic"):
            for cascade in (False, True):
                self.urls[cascade, api] = self.gateways.run(self._gateway(cascade, api))
        self.tasks_before = self.tasks()

    async def _gateway(self, cascade: bool, api: str) -> str:
        folder = self.folder / f"{api}-{cascade}"
        folder.mkdir()
        settings = config.parse(self._settings(api), "downroute.yaml")
        store = settings.store.model_copy(update={"path": folder})
        settings = settings.model_copy(update={"store": store})
        policy = folder / "policy.yaml"
        if cascade:
            policy.write_text(POLICY)
        entered = gateway(settings, policy, price_table, environment={})
        return (await self.stack.enter_async_context(entered)).url

    def _settings(self, api: str) -> str:
        ports = {
            "raw": self.raw.port,
            "rude": self.raw.rude_port,
            "refusing": self.refusing.getsockname()[1],
            "unanswering": self.unanswering.port,
        }
        upstreams = "".join(
            f"  {name}: {{base_url: 'http://127.0.0.1:{port}', api: {api}, {PATIENCE}}}\n"
            for name, port in ports.items()
        )
        models = "".join(f"  at-{name}: {{upstream: {name}, name: small}}\n" for name in ports)
        prices = "".join(f"  at-{name}: {{input: 1, output: 10}}\n" for name in ports)
        return (
            f"upstreams:\n{upstreams}models:\n{models}  large: {{upstream: raw}}\n"
            f"prices:\n{prices}  large: {{input: 10, output: 100}}\n"
        )

    def tasks(self) -> int:
        async def count() -> int:
            return len(asyncio.all_tasks())

        return self.gateways.run(count())

    def close(self) -> None:
        self.gateways.run(self.stack.aclose())
        self.upstreams.run(self.raw.stop())
        self.gateways.close()
        self.upstreams.close()
        self.unanswering.close()
        self.refusing.close()

    def run(self, case: Case) -> tuple[Got, float]:
        address = urlsplit(self.urls[case.cascade, case.api])
        connection = http.client.HTTPConnection(
            str(address.hostname), address.port, timeout=PATIENCE_S
        )
        upstream = FAULTS[case.fault].upstream
        body: dict[str, Any] = {
            "model": "large" if case.cascade else f"at-{upstream}",
            "messages": [{"role": "user", "content": "Where is my invoice?"}],
            "max_tokens": 50,
            "stream": case.streamed,
        }
        if case.streamed and case.api == "openai":
            body["stream_options"] = {"include_usage": True}
        headers = {
            "x-fault": case.fault,
            "x-streamed": "yes" if case.streamed else "no",
            "x-downroute-task": f"at-{upstream}",
        }
        path = "/v1/chat/completions" if case.api == "openai" else "/v1/messages"
        began = time.monotonic()
        try:
            connection.request("POST", path, json.dumps(body).encode(), headers)
            reply = connection.getresponse()
            names = {k.lower(): v for k, v in reply.getheaders()}
            got = Got(reply.status, names, reply.read())
        finally:
            connection.close()
        return got, time.monotonic() - began


PATIENCE = (
    "timeout_s: 5.0, timeouts: {connect_s: 2.0, first_byte_s: 2.5, between_chunks_s: 2.5, "
    "total_s: 5.0}, retries: {most: 1}, breaker: {failures: null}"
)
POLICY = "version: 1\nroutes:\n" + "".join(
    f"- {{task: at-{name}, models: [at-{name}, large], checks: [not_empty], unproven: true}}\n"
    for name in ("raw", "rude", "refusing", "unanswering")
)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(upstream_exchange, "LARGEST_REPLY_BYTES", LARGE_BYTES)
        patch.setattr(chat_stream, "LARGEST_REPLY_BYTES", LARGE_BYTES)
        patch.setattr(chat_stream, "LONGEST_EVENT_BYTES", LARGE_BYTES)
        stage = Stage(tmp_path_factory.mktemp("faults"))
        stage.build()
        yield stage
        stage.close()


@pytest.fixture(scope="module")
def ran(stage: Stage) -> dict[str, Ran]:
    with ThreadPoolExecutor(24) as pool:
        done = dict(zip(BY_ID, pool.map(stage.run, CASES), strict=True))
    rows: dict[str, list[Call]] = {}

    def all_logged() -> bool:
        rows.clear()
        for cascade, api in stage.urls:
            with Store.open(stage.folder / f"{api}-{cascade}") as store:
                for call in store.calls.each():
                    rows.setdefault(call.id, []).append(call)
        return len(rows) >= len(CASES)

    wait_until(all_logged)
    return {
        name: Ran(got, took_s, rows.get(got.said("call-id") or "", []))
        for name, (got, took_s) in done.items()
    }


@pytest.mark.parametrize("name", BY_ID)
def test_each_fault_gives_a_right_reply_in_time_and_one_right_row(
    ran: dict[str, Ran], name: str
) -> None:
    case, gets, one = BY_ID[name], BY_ID[name].gets, ran[name]
    assert one.took_s < IN_TIME_S
    (call,) = one.calls
    asked = next(a for a in call.attempts if a.purpose is Purpose.ANSWER)
    other = FAULTS[case.fault].or_else
    if other is not None and str(asked.error).startswith("unreachable"):
        gets = other
    if not case.cascade:
        alone(case, gets, one.got, call)
    elif gets.failed:
        fallen_back(case, gets, one.got, call)
    else:
        answered(case, one.got, call)


def alone(case: Case, gets: Gets, got: Got, call: Call) -> None:
    """The client gets what came, or the gateway's own error for it."""
    assert got.status == gets.status == call.status
    assert (call.error is not None) == gets.failed
    cost = PRICES.get(gets.cost, SMALL_USD)
    assert call.cost_usd == (None if cost is None else pytest.approx(cost))
    if gets.begun:
        last = events_in(got.body)[-1]
        assert b'"error"' in last, "a stream that has begun ends in an error, never silently"
        if gets.code:
            assert gets.code in last.decode() or case.api == "anthropic"
    elif gets.code is not None:
        own_error(case, gets, got)
    elif not gets.failed and case.streamed and is_stream(got):
        words = [e for e in case.shape.events if e != case.shape.end_mark]
        assert all(piece in got.body for piece in words)
    elif not gets.failed:
        assert got.body == case.shape.good


def own_error(case: Case, gets: Gets, got: Got) -> None:
    told = got.json
    if case.api == "openai":
        assert told["error"]["code"] == gets.code
        assert set(told["error"]) == {"message", "type", "param", "code"}
    else:
        assert told["type"] == "error"
        assert told["error"]["type"] == ("timeout_error" if gets.status == 504 else "api_error")
    assert "at-" in told["error"]["message"]


def fallen_back(case: Case, gets: Gets, got: Got, call: Call) -> None:
    """The baseline's answer, whole; what the other cost is part of the sum, or makes it unknown."""
    large = shape("large", case.api)
    assert (got.status, call.error, call.decision) == (200, None, Decision.FALLBACK)
    if case.streamed:
        assert all(piece in got.body for piece in large.events)
    else:
        assert got.body == large.good
    assert call.model == "large"
    assert call.cost_usd == (pytest.approx(LARGE_USD) if gets.cost == "free" else None)
    answers = [a for a in call.attempts if a.purpose is Purpose.ANSWER]
    assert [a.failed for a in answers] == [True, False]


def answered(case: Case, got: Got, call: Call) -> None:
    assert (got.status, call.error, call.decision) == (200, None, Decision.ACCEPTED)
    assert call.cost_usd == pytest.approx(SMALL_USD)
    assert (b"ling" if case.streamed else b"billing") in got.body
    assert b'"error"' not in got.body


def is_stream(got: Got) -> bool:
    return got.headers.get("content-type", "").startswith("text/event-stream")


def events_in(body: bytes) -> list[bytes]:
    """The events of a stream, comments left out."""
    cut = body.replace(b"\r\n", b"\n").split(b"\n\n")
    return [event for event in cut if event.strip() and not event.startswith(b":")]


def test_the_documentation_says_what_each_fault_comes_to() -> None:
    page = (Path(__file__).parents[3] / "docs" / "robustness.md").read_text(encoding="utf-8")
    assert [row for row in (table.HEAD, *table.rows()) if row not in page] == []


def test_each_call_is_one_row_and_nothing_is_left_open(stage: Stage, ran: dict[str, Ran]) -> None:
    rows = Counter(call.id for one in ran.values() for call in one.calls)
    assert len(rows) == len(CASES) and set(rows.values()) == {1}
    wait_until(lambda: not stage.raw.busy)
    wait_until(lambda: stage.tasks() <= stage.tasks_before)


def test_after_all_that_every_gateway_answers_as_if_nothing_had_been(
    stage: Stage, ran: dict[str, Ran]
) -> None:
    for cascade, api in stage.urls:
        for streamed in (False, True):
            got, _ = stage.run(Case("calls its JSON text", streamed, cascade, api))
            assert got.status == 200
