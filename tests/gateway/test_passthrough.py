"""Every other path of an upstream."""

from __future__ import annotations

import json

import openai
import pytest

from downroute.records import Decision

from .running import Start
from .upstream import Answered, Upstream

PRICED = "models: {large: {upstream: test}}\nupstreams: {test: {base_url: UPSTREAM}}"


def answered(value: object, **options: object) -> Answered:
    return Answered(json.dumps(value, indent=1).encode(), **options)


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
