"""`log.durability: sync`: no reply ends before its row is on disk, and what that means where the
store cannot be written."""

from __future__ import annotations

import json
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from downroute.gateway import confirmations
from downroute.records import Decision
from downroute.store import Store

from .anthropic_upstream import message_stream, plain_message
from .running import PATIENCE_S, Gateway, Start, wait_until
from .test_chat import CASCADE
from .upstream import Answered, Asked, Upstream, chat_body, plain, stream

SYNC = "log: {durability: sync}\n"
ANTHROPIC = SYNC + "upstreams: {a: {base_url: UPSTREAM, api: anthropic}}\n"
PATIENT = SYNC + "serve: {heartbeat_s: 0.05}\n"
A_WHILE_S = 0.15
RESPONSE = [
    b'event: response.created\ndata: {"type": "response.created"}\n\n',
    b'event: response.completed\ndata: {"type": "response.completed", "response": {"model": ',
    b'"large", "usage": {"input_tokens": 7, "output_tokens": 3}}}\n\n',
]


class Receiving:
    """A request whose reply comes in on a thread of its own."""

    def __init__(self, gateway: Gateway, path: str, body: object, task: str = "") -> None:
        sent = json.dumps(body).encode()
        head = f"POST {path} HTTP/1.1\r\nhost: g\r\nconnection: close\r\n"
        head += f"x-downroute-task: {task}\r\n" if task else ""
        head += f"content-type: application/json\r\ncontent-length: {len(sent)}\r\n\r\n"
        address = urlsplit(gateway.url)
        self._socket = socket.create_connection((address.hostname, address.port), PATIENCE_S)
        self._socket.sendall(head.encode() + sent)
        self.got = bytearray()
        self._thread = threading.Thread(target=self._receive)
        self._thread.start()

    def _receive(self) -> None:
        while data := self._socket.recv(65536):
            self.got += data
        self._socket.close()

    def all(self) -> bytes:
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive(), bytes(self.got)
        return bytes(self.got)


@contextmanager
def locked(store: Path) -> Iterator[None]:
    """Another process' transaction, as far as SQLite can tell."""
    with closing(sqlite3.connect(store / "store.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def rows(store: Path) -> list[tuple[object, ...]]:
    """What is there at this moment."""
    with closing(sqlite3.connect(store / "store.db")) as reading:
        return reading.execute("SELECT status, error, output_tokens FROM calls").fetchall()


def small_declines(asked: Asked) -> Answered:
    text = "no idea" if asked.model == "small" else "bug"
    return stream(asked.model, (text,)) if asked.json.get("stream") else plain(asked.model, text)


def responses(_: Asked) -> Answered:
    return Answered(pieces=list(RESPONSE), headers={"content-type": "text/event-stream"})


Answer = Callable[[Asked], Answered]
WAYS: dict[str, tuple[str, dict[str, object], str, str, Answer, bytes]] = {
    "plain": ("/v1/chat/completions", {}, "", SYNC, lambda a: plain(a.model), b"HTTP/1.1"),
    "stream": (
        *("/v1/chat/completions", {"stream": True}, "", SYNC),
        *(lambda a: stream(a.model), b"[DONE]"),
    ),
    "stream without an end mark": (
        *("/v1/chat/completions", {"stream": True}, "", SYNC),
        *(lambda a: stream(a.model, done=False), b"\r\n0\r\n\r\n"),
    ),
    "stream that fails": (
        *("/v1/chat/completions", {"stream": True}, "", SYNC),
        *(lambda a: Answered(pieces=[b"data: {}\n\n"], cut=True, headers=STREAM), b'"error"'),
    ),
    "cascade": ("/v1/chat/completions", {}, "triage", SYNC, small_declines, b"HTTP/1.1"),
    "cascade streamed": (
        *("/v1/chat/completions", {"stream": True}, "triage", PATIENT),
        *(small_declines, b"[DONE]"),
    ),
    "message": ("/v1/messages", {}, "", ANTHROPIC, lambda a: plain_message(a.model), b"HTTP/1.1"),
    "message streamed": (
        *("/v1/messages", {"stream": True}, "", ANTHROPIC),
        *(lambda a: message_stream(a.model), b"message_stop"),
    ),
    "refused upstream": (
        *("/v1/chat/completions", {}, "", SYNC),
        *(lambda a: Answered(b"{}", status=400), b"HTTP/1.1"),
    ),
    "passed through": ("/v1/embeddings", {}, "", SYNC, lambda a: plain(a.model), b"HTTP/1.1"),
    "passed through as a stream": (
        *("/v1/responses", {"stream": True}, "", SYNC, responses, b"response.completed"),
    ),
}
STREAM = {"content-type": "text/event-stream"}


@pytest.mark.parametrize("way", WAYS)
def test_the_end_of_a_reply_waits_for_its_row(start: Start, upstream: Upstream, way: str) -> None:
    path, more, task, configuration, upstream.answer, end = WAYS[way]
    gateway = start(CASCADE if task else None, configuration)
    with locked(gateway.store):
        receiving = Receiving(gateway, path, {**chat_body(), "max_tokens": 9, **more}, task)
        wait_until(lambda: len(upstream.asked) > 0)
        time.sleep(A_WHILE_S)
        assert end not in receiving.got
        if more and end != b'"error"':
            assert b"data: " in receiving.got or b": waiting" in receiving.got
    assert end in receiving.all()
    assert len(rows(gateway.store)) == 1


def test_what_a_stream_passed_through_says_last_is_in_its_row(
    start: Start, upstream: Upstream
) -> None:
    upstream.answer = responses
    gateway = start(None, SYNC)
    got = gateway.request("POST", "/v1/responses", b'{"model": "large", "stream": true}')
    assert got.body == b"".join(RESPONSE)
    assert rows(gateway.store) == [(200, None, 3)]


def test_what_is_said_of_a_call_is_on_disk_before_it_is_said_to_be_taken(
    start: Start, upstream: Upstream
) -> None:
    gateway = start(None, SYNC)
    call = gateway.chat(chat_body()).said("call-id")
    with locked(gateway.store):
        receiving = Receiving(gateway, "/v1/feedback", {"call_id": call, "verdict": "bad"})
        time.sleep(A_WHILE_S)
        assert receiving.got == b""
    assert b" 202 " in receiving.all()
    with closing(sqlite3.connect(gateway.store / "store.db")) as reading:
        assert reading.execute("SELECT count(*) FROM feedback").fetchone() == (1,)


def test_many_replies_share_a_commit(start: Start, upstream: Upstream) -> None:
    gateway = start(None, SYNC)
    with locked(gateway.store):
        receiving = [
            Receiving(gateway, "/v1/chat/completions", chat_body(str(i))) for i in range(40)
        ]
        wait_until(lambda: len(upstream.asked) == 40)
        time.sleep(A_WHILE_S)
        assert not any(one.got for one in receiving)
    began = time.monotonic()
    assert all(b" 200 OK" in one.all() for one in receiving)
    assert time.monotonic() - began < 2
    assert len(rows(gateway.store)) == 40


def test_a_row_that_cannot_be_written_in_time_refuses_its_reply_and_says_so(
    start: Start, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confirmations.Confirmations.__init__, "__defaults__", (A_WHILE_S,))
    gateway = start(None, SYNC)
    with locked(gateway.store):
        plainly = gateway.chat(chat_body())
        streamed = gateway.chat(chat_body(stream=True))
    assert plainly.status == 503
    assert plainly.json["error"]["code"] == "log_unwritten"
    assert plainly.headers["retry-after"] == "1"
    assert plainly.said("call-id")
    assert b"[DONE]" not in streamed.body and b"log_unwritten" in streamed.body
    wait_until(lambda: [row[:2] for row in rows(gateway.store)] == [(503, "log_unwritten")] * 2)
    calls = gateway.calls(2)
    assert all(call.attempts[0].status == 200 and call.cost_usd for call in calls)


def test_while_the_store_cannot_be_written_nobody_is_asked(
    start: Start, upstream: Upstream, tmp_path: Path
) -> None:
    (tmp_path / "store").write_text("a file where the store's folder should be")
    gateway = start(CASCADE, SYNC)
    for path in ("/v1/chat/completions", "/v1/messages", "/v1/embeddings"):
        got = gateway.request("POST", path, json.dumps(chat_body()).encode())
        assert (got.status, got.headers["retry-after"]) == (503, "1")
        assert "log.durability is sync" in got.json["error"]["message"]
    assert upstream.asked == []
    ready = gateway.request("GET", "/ready")
    assert (ready.status, ready.json["status"]) == (503, "refusing")
    assert ready.json["log_durability"] == "sync"
    (tmp_path / "store").unlink()
    wait_until(lambda: gateway.request("GET", "/ready").status == 200)
    assert gateway.chat(chat_body()).status == 200
    with Store.open(gateway.store) as store:
        (call,) = store.calls.each()
    assert call.decision is not Decision.FALLBACK


def test_its_store_brings_every_commit_to_disk(tmp_path: Path) -> None:
    for durable, level in ((True, 2), (False, 1)):
        with (
            Store.open(tmp_path / str(durable), durable=durable) as store,
            store._database.reading() as connection,
        ):
            assert connection.execute("PRAGMA synchronous").fetchone() == (level,)
