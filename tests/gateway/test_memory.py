"""A call leaves nothing behind that only a search for cycles would find: such a search is put off
for long by a gateway that serves, and what waits for it holds whole requests."""

from __future__ import annotations

import gc
import json
import socket
import time
from collections import Counter

import pytest

from .running import PATIENCE_S, Gateway, Start
from .test_chat import CASCADE
from .upstream import Answered, Upstream, chat_body, plain, stream

ROUNDS = 20


def left_behind() -> Counter[str]:
    """The gateway's own objects that nothing but themselves refers to."""
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        gc.collect()
        found = Counter(
            type(each).__name__
            for each in gc.garbage
            if type(each).__module__.startswith("downroute")
        )
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
    return found


def send(gateway: Gateway, data: bytes, *, read: bool = True) -> None:
    host, port = gateway.url.removeprefix("http://").removesuffix("/v1").split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as client:
        client.sendall(data)
        if read:
            client.shutdown(socket.SHUT_WR)
            while client.recv(65536):
                pass


@pytest.mark.parametrize("task", [None, "triage"])
@pytest.mark.parametrize(
    ("streamed", "fault"),
    [
        (False, None),
        (True, None),
        (False, Answered(b"{}", status=500)),
        (True, Answered(pieces=[b"data: {}\n\n"], cut=True)),
        (False, Answered(cut=True)),
    ],
    ids=["plain", "stream", "refused", "cut off", "no reply"],
)
def test_a_call_leaves_no_cycles(
    start: Start, upstream: Upstream, task: str | None, streamed: bool, fault: Answered | None
) -> None:
    gateway = start(CASCADE, "upstreams: {test: {base_url: UPSTREAM, breaker: {failures: null}}}")
    good = stream if streamed else plain
    upstream.answer = lambda asked: fault or good(asked.model)
    gateway.chat(chat_body(stream=streamed), task)
    gc.collect()
    gc.disable()
    try:
        for _ in range(ROUNDS):
            gateway.chat(chat_body(stream=streamed), task)
        gateway.calls(ROUNDS + 1)
        left = left_behind()
    finally:
        gc.enable()
    assert max(left.values(), default=0) < ROUNDS, left


@pytest.mark.parametrize(
    "data",
    [b"GARBAGE\r\n\r\n", b"POST /v1/x HTTP/1.1\r\nhost: g\r\ncontent-length: 9\r\n\r\nhalf", b""],
    ids=["garbage", "half a body", "nothing"],
)
def test_a_connection_leaves_no_cycles(start: Start, data: bytes) -> None:
    gateway = start()
    send(gateway, data)
    gc.collect()
    gc.disable()
    try:
        for _ in range(ROUNDS):
            send(gateway, data)
        time.sleep(0.1)
        left = left_behind()
    finally:
        gc.enable()
    assert max(left.values(), default=0) < ROUNDS, left


def test_a_client_that_goes_away_in_the_middle_leaves_no_cycles(
    start: Start, upstream: Upstream
) -> None:
    gateway = start()
    upstream.answer = lambda _: Answered(
        pieces=[b"data: {}\n\n", 0.2, b"data: {}\n\n"],
        headers={"content-type": "text/event-stream"},
    )
    body = json.dumps(chat_body(stream=True)).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\ncontent-length: %d\r\n\r\n" % len(
        body
    )
    gc.collect()
    gc.disable()
    try:
        for _ in range(ROUNDS):
            send(gateway, head + body, read=False)
        gateway.calls(ROUNDS)
        time.sleep(0.1)
        left = left_behind()
    finally:
        gc.enable()
    assert max(left.values(), default=0) < ROUNDS, left
