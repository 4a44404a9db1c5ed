"""Every other path of an upstream."""

from __future__ import annotations

import gzip
import json
import socket
from urllib.parse import urlsplit

import openai
import pytest

from downroute.records import Decision
from downroute.routing.fingerprint import BLANK

from .running import PATIENCE_S, Gateway, Start
from .upstream import Answered, Upstream

PRICED = "models: {large: {upstream: test}}\nupstreams: {test: {base_url: UPSTREAM}}"


def answered(value: object, **options: object) -> Answered:
    return Answered(json.dumps(value, indent=1).encode(), **options)


def raw(gateway: Gateway) -> socket.socket:
    address = urlsplit(gateway.url)
    return socket.create_connection((str(address.hostname), address.port), PATIENCE_S)


def test_embeddings_pass_byte_for_byte_and_are_priced(start: Start, upstream: Upstream) -> None:
    gateway = start(None, PRICED)
    reply = answered(
        {
            "object": "list",
            "model": "large",
            "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}],
            "usage": {"prompt_tokens": 8, "total_tokens": 8},
        }
    )
    upstream.answer = lambda _: reply
    with gateway.client() as client:
        found = client.embeddings.create(model="large", input="a", encoding_format="float")
    assert found.data[0].embedding == [0.5]
    got = gateway.request("POST", "/v1/embeddings", b'{"model": "large"}')
    assert (got.body, got.said("decision")) == (reply.body, "passthrough")
    calls = gateway.calls(2)
    assert {(c.model, c.decision, c.usage.output_tokens) for c in calls} == {
        ("large", Decision.PASSTHROUGH, 0)
    }
    assert calls[0].cost_usd == pytest.approx(8 * 10 / 1e6)


def test_responses_stream_as_they_come_and_their_last_event_states_the_tokens(
    start: Start, upstream: Upstream
) -> None:
    gateway = start(None, PRICED)
    usage = {
        "input_tokens": 30,
        "output_tokens": 4,
        "input_tokens_details": {"cached_tokens": 10},
        "output_tokens_details": {"reasoning_tokens": 2},
    }
    events = [
        {"type": "response.output_text.delta", "delta": "hi"},
        {"type": "response.completed", "response": {"model": "large-1", "usage": usage}},
    ]
    pieces = [f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in events]
    upstream.answer = lambda _: Answered(
        pieces=list(pieces), headers={"content-type": "text/event-stream"}
    )
    got = gateway.request("POST", "/v1/responses", b'{"model": "large", "stream": true}')
    assert got.body == b"".join(pieces)
    (call,) = gateway.calls(1)
    assert (call.usage.input_tokens, call.usage.cached_input_tokens) == (30, 10)
    assert (call.usage.output_tokens, call.usage.reasoning_tokens) == (4, 2)
    assert call.stream


def test_method_query_headers_and_bytes_reach_the_upstream(
    start: Start, upstream: Upstream
) -> None:
    gateway = start(
        None, "upstreams: {test: {base_url: 'UPSTREAM?api-version=7', key: env:K}}", K="s"
    )
    upstream.answer = lambda _: Answered(b"\x00\xff", headers={"content-type": "audio/mpeg"})
    headers = {"content-type": "multipart/form-data; boundary=x", "authorization": "Bearer client"}
    got = gateway.request("DELETE", "/v1/files/a%2Fb?purpose=batch", b"\x01\x02", headers)
    assert got.body == b"\x00\xff"
    (asked,) = upstream.asked
    assert (asked.method, asked.body) == ("DELETE", b"\x01\x02")
    assert asked.headers["content-type"] == headers["content-type"]
    assert asked.headers["authorization"] == "Bearer s"
    assert asked.path == "/v1/files/a/b"


def test_an_upstreams_error_passes_and_a_dead_one_is_said_to_be(
    start: Start, upstream: Upstream
) -> None:
    gateway = start(None, PRICED)
    upstream.answer = lambda _: answered({"error": {"message": "no such", "code": "x"}}, status=404)
    with gateway.client() as client, pytest.raises(openai.NotFoundError, match="no such"):
        client.files.retrieve("f-1")
    dead = start(None, "upstreams: {dead: {base_url: 'http://127.0.0.1:9/v1'}}")
    got = dead.request("POST", "/v1/embeddings", b'{"model": "large"}')
    assert (got.status, got.json["error"]["code"]) == (502, "upstream_unreachable")


def test_a_reply_that_breaks_off_is_not_taken_for_the_whole(
    start: Start, upstream: Upstream
) -> None:
    gateway = start(None, PRICED)
    upstream.answer = lambda _: Answered(
        pieces=[b"data: 1\n\n"], cut=True, headers={"content-type": "text/event-stream"}
    )
    with pytest.raises(Exception, match=r"IncompleteRead|Connection"):
        gateway.request("POST", "/v1/responses", b'{"model": "large"}')
    (call,) = gateway.calls(1)
    assert str(call.error).startswith("broken off")


@pytest.mark.parametrize("path", ["/v1/../admin", "/v1/files/..", "/v1//x", "/v1/files/%2e%2e/x"])
def test_no_path_leads_out_of_the_api(start: Start, upstream: Upstream, path: str) -> None:
    gateway = start(None, PRICED)
    assert gateway.request("GET", path).status == 404
    assert upstream.asked == []


def test_a_reply_without_a_body_leaves_the_connection_as_it_was(
    start: Start, upstream: Upstream
) -> None:
    """Whatever came after its head would be taken for the next reply (RFC 9112, 6.3)."""
    gateway = start(None, PRICED)
    upstream.answer = lambda asked: (
        Answered(status=204, headers={}) if asked.method == "DELETE" else answered({"id": "b"})
    )
    with raw(gateway) as client:
        client.sendall(b"DELETE /v1/files/a HTTP/1.1\r\nHost: localhost\r\n\r\n")
        gone = client.recv(65536)
        client.sendall(b"GET /v1/files/b HTTP/1.1\r\nHost: localhost\r\n\r\n")
        found = client.recv(65536)
    assert gone.startswith(b"HTTP/1.1 204 ") and gone.endswith(b"\r\n\r\n")
    assert gone.count(b"\r\n\r\n") == 1 and b"transfer-encoding" not in gone
    assert found.startswith(b"HTTP/1.1 200 ") and found.endswith(b'"id": "b"\n}')


def test_head_says_how_long_the_upstream_s_body_would_be(start: Start, upstream: Upstream) -> None:
    gateway = start(None, PRICED)
    upstream.answer = lambda _: Answered(b"x" * 1234, headers={"content-type": "text/plain"})
    got = gateway.request("HEAD", "/v1/files/a/content")
    assert (got.status, got.headers["content-length"], got.body) == (200, "1234", b"")
    assert gateway.request("GET", "/v1/files/a/content").body == b"x" * 1234


def test_answers_that_are_stored_are_listed_by_the_upstream(
    start: Start, upstream: Upstream
) -> None:
    gateway = start(None, PRICED)
    page = {"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": False}
    upstream.answer = lambda _: answered(page)
    for url in (gateway.url, gateway.url.removesuffix("/v1")):
        with openai.OpenAI(base_url=url, api_key="k", max_retries=0) as client:
            assert client.chat.completions.list(limit=2).data == []
            client.chat.completions.messages.list("c-1")
            client.chat.completions.delete("c-1")
    assert [(a.method, a.target) for a in upstream.asked] == 2 * [
        ("GET", "/v1/chat/completions?limit=2"),
        ("GET", "/v1/chat/completions/c-1/messages"),
        ("DELETE", "/v1/chat/completions/c-1"),
    ]
    refused = gateway.request("PATCH", "/v1/chat/completions")
    assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD, POST")


def test_a_packed_body_passes_as_it_is_and_says_that_it_is_packed(
    start: Start, upstream: Upstream
) -> None:
    gateway = start(None, PRICED)
    upstream.answer = lambda _: answered({})
    body = gzip.compress(b'{"model": "large"}')
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    gateway.request("POST", "/v1/embeddings", body, headers)
    (asked,) = upstream.asked
    assert (asked.headers["content-encoding"], asked.body) == ("gzip", body)
    for path, kind in (("/v1/chat/completions", "code"), ("/v1/route", "code")):
        got = gateway.request("POST", path, body, headers)
        assert (got.status, got.json["error"][kind]) == (415, "unsupported_content_encoding")
    got = gateway.request("POST", "/v1/messages", body, headers)
    assert (got.status, got.json["type"]) == (415, "error")
    assert len(upstream.asked) == 1


def test_no_target_that_http_allows_is_a_fault_of_ours(start: Start, upstream: Upstream) -> None:
    gateway = start(None, PRICED)
    upstream.answer = lambda _: answered({})
    with raw(gateway) as client:
        client.sendall(b"GET http://[x/v1/files?a=1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.recv(65536).startswith(b"HTTP/1.1 200 ")
    assert upstream.asked[-1].target == "/v1/files?a=1"


def test_a_declared_task_stands_in_the_log_of_what_is_passed_through(
    start: Start, upstream: Upstream
) -> None:
    gateway = start(None, PRICED)
    upstream.answer = lambda _: answered({"usage": {"prompt_tokens": 8, "total_tokens": 8}})
    headers = {"x-downroute-task": "search"}
    got = gateway.request("POST", "/v1/embeddings", b'{"model": "large"}', headers)
    assert got.said("task") == "search"
    assert [(c.task, c.fingerprint) for c in gateway.calls(1)] == [("search", BLANK)]


def test_a_name_that_only_the_policy_can_resolve_is_no_upstream_s(
    start: Start, upstream: Upstream
) -> None:
    gateway = start(None, PRICED)
    with gateway.client() as client, pytest.raises(openai.NotFoundError, match="name one"):
        client.responses.create(model="downroute/auto", input="hi")
    assert upstream.asked == []


def test_route_says_what_would_be_done_and_asks_nobody(start: Start, upstream: Upstream) -> None:
    policy = (
        "version: 1\nroutes: [{task: triage, models: [small], baseline: large, unproven: true}]\n"
    )
    gateway = start(policy, PRICED)
    body = json.dumps({"model": "large", "messages": []}).encode()
    routed = gateway.request("POST", "/v1/route", body, {"x-downroute-task": "triage"}).json
    assert (routed["models"], routed["routed"], routed["task"]) == (["small"], True, "triage")
    stays = gateway.request("POST", "/v1/route", body).json
    assert (stays["models"], stays["routed"], stays["decision"]) == (
        ["large"],
        False,
        "passthrough",
    )
    assert upstream.asked == []
