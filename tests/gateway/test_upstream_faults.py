"""What a client is told when an upstream fails, and what the log says of it."""

from __future__ import annotations

import gzip
import json
import socket

import openai
import pytest

from downroute.records import Decision

from .running import PATIENCE_S, Start
from .test_chat import CASCADE, SWITCH
from .upstream import Answered, Upstream, chat_body, plain

IMPATIENT = "upstreams: {test: {base_url: UPSTREAM, timeout_s: 0.2}}"


@pytest.mark.parametrize("status", [301, 400, 429, 503])
def test_an_upstreams_refusal_is_passed_on_as_it_is(
    start: Start, upstream: Upstream, status: int
) -> None:
    gateway = start()
    headers = {"content-type": "application/json", "retry-after": "7", "location": "/elsewhere"}
    refusal = b'{ "error": {"message": "m", "type": "t", "param": null, "code": "some_code"} }'
    upstream.answer = lambda _: Answered(refusal, status=status, headers=headers)
    got = gateway.chat(chat_body())
    assert (got.status, got.body) == (status, refusal)
    assert got.headers["retry-after"] == "7"
    (call,) = gateway.calls(1)
    assert (call.status, call.error) == (status, f"HTTP {status} (some_code)")
    assert call.cost_usd == 0


def test_the_official_client_sees_the_upstreams_own_error(start: Start, upstream: Upstream) -> None:
    gateway = start()
    upstream.answer = lambda _: Answered(
        b'{"error": {"message": "slow down", "code": "rate_limit_exceeded"}}', status=429
    )
    with gateway.client() as client, pytest.raises(openai.RateLimitError, match="slow down"):
        client.chat.completions.create(model="large", messages=[])


def test_nobody_there_is_502(start: Start) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        gateway = start(None, f"upstreams: {{test: {{base_url: 'http://127.0.0.1:{port}'}}}}")
        got = gateway.chat(chat_body())
        assert gateway.request("GET", "/v1/models").status == 502
    assert got.status == 502
    assert got.json["error"]["code"] == "upstream_unreachable"
    assert "connection refused" in got.json["error"]["message"]
    assert got.said("decision") == "observed"
    (call,) = gateway.calls(1)
    assert (call.status, call.cost_usd, call.attempts[0].status) == (502, 0, None)
    assert str(call.error).startswith("unreachable")


@pytest.mark.parametrize("streamed", [True, False])
def test_an_upstream_that_hangs_is_504(start: Start, upstream: Upstream, streamed: bool) -> None:
    gateway = start(None, IMPATIENT)
    upstream.answer = lambda _: Answered(wait_s=PATIENCE_S)
    got = gateway.chat(chat_body(stream=streamed))
    assert got.status == 504
    assert got.json["error"]["code"] == "upstream_timeout"
    (call,) = gateway.calls(1)
    assert (call.status, call.cost_usd) == (504, None)


def test_no_call_takes_longer_than_the_gateway_allows(start: Start, upstream: Upstream) -> None:
    gateway = start(CASCADE, "serve: {timeout_s: 0.2}")
    upstream.answer = lambda _: Answered(wait_s=PATIENCE_S)
    got = gateway.chat(chat_body(), "triage")
    assert got.status == 504
    assert "no time left" in str(got.said("reason"))
    assert [a.model for a in upstream.asked] == ["small"]


def test_an_upstream_that_breaks_off_is_502(start: Start, upstream: Upstream) -> None:
    gateway = start()
    upstream.answer = lambda _: Answered(pieces=[b'{"choices": ['], cut=True)
    got = gateway.chat(chat_body())
    assert (got.status, got.json["error"]["code"]) == (502, "upstream_broken_off")
    upstream.answer = lambda _: Answered(cut=True)
    assert gateway.chat(chat_body()).status == 502
    assert [c.cost_usd for c in gateway.calls(2)] == [None, None]


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"choices": []}', b'{"error": "x"}'])
def test_what_is_no_completion_is_passed_on_but_logged_as_an_error(
    start: Start, upstream: Upstream, body: bytes
) -> None:
    gateway = start()
    upstream.answer = lambda _: Answered(body)
    got = gateway.chat(chat_body())
    assert (got.status, got.body) == (200, body)
    (call,) = gateway.calls(1)
    assert call.error == "no chat completion"


@pytest.mark.parametrize("policy", [SWITCH, CASCADE])
def test_the_baseline_answers_when_the_cheaper_model_fails(
    start: Start, upstream: Upstream, policy: str
) -> None:
    gateway = start(policy)
    upstream.answer = lambda asked: (
        Answered(b"{}", status=500) if asked.model == "small" else plain("large")
    )
    got = gateway.chat(chat_body(), "triage")
    assert (got.status, got.body) == (200, plain("large").body)
    assert (got.said("decision"), got.said("model")) == ("fallback", "large")
    assert str(got.said("reason")).startswith("small failed: HTTP 500")
    (call,) = gateway.calls(1)
    assert call.decision is Decision.FALLBACK
    assert call.error is None
    assert call.cost_usd == pytest.approx(0.002)


def test_a_reply_that_comes_compressed_all_the_same_is_unpacked(
    start: Start, upstream: Upstream
) -> None:
    gateway = start()
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    upstream.answer = lambda _: Answered(gzip.compress(plain("large").body), headers=headers)
    got = gateway.chat(chat_body())
    assert got.body == plain("large").body
    assert "content-encoding" not in got.headers
    assert gateway.calls(1)[0].usage.output_tokens == 10


def test_large_requests_and_replies_pass_and_too_large_ones_are_refused(
    start: Start, upstream: Upstream
) -> None:
    gateway = start()
    text = "x" * 3_000_000
    upstream.answer = lambda _: plain("large", text)
    assert gateway.chat(chat_body(text)).json["choices"][0]["message"]["content"] == text
    assert upstream.asked[0].json["messages"][1]["content"] == text
    got = gateway.request("POST", "/v1/chat/completions", b"x" * (64 * 2**20 + 1))
    assert got.status == 413
    assert got.json["error"]["code"] == "request_too_large"
    assert len(upstream.asked) == 1


def test_a_client_that_waits_to_be_told_to_go_on_is_told(start: Start, upstream: Upstream) -> None:
    gateway = start()
    host, port = gateway.url.removeprefix("http://").removesuffix("/v1").split(":")
    body = json.dumps(chat_body()).encode()
    with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as client:
        client.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
            b"Authorization: Bearer %s\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
            % (b"x" * 20_000, len(body))
        )
        assert client.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(body)
        reply = b"".join(iter(lambda: client.recv(4096), b""))
    assert reply.startswith(b"HTTP/1.1 200")
    assert upstream.asked[0].body == body


def test_what_is_no_http_gets_a_plain_refusal(start: Start) -> None:
    gateway = start()
    host, port = gateway.url.removeprefix("http://").removesuffix("/v1").split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as client:
        client.sendall(b"GET / HTTP/1.1\r\nbad header\r\n\r\n")
        reply = b"".join(iter(lambda: client.recv(4096), b""))
    assert b" 400 " in reply.splitlines()[0]
    assert json.loads(reply.split(b"\r\n\r\n", 1)[1])["error"]["type"] == "invalid_request_error"
