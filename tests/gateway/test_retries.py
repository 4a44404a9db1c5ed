"""What is asked again, where, and what the client and the log are told of it."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import anthropic
import openai
import pytest

from downroute.records import Decision, Purpose

from .anthropic_upstream import plain_message
from .running import PATIENCE_S, Got, Start, wait_until
from .test_chat import CASCADE, SWITCH
from .test_messages import client as anthropic_client
from .upstream import Answered, Asked, Upstream, chat_body, plain, stream

TWO_KEYS = """
upstreams:
  test:
    base_url: UPSTREAM
    timeout_s: 0.3
    deployments: [{key: env:ONE}, {key: env:TWO, weight: 0}]
"""
KEYS = {"ONE": "first", "TWO": "second"}


def refusal(status: int, code: str = "busy", **headers: str) -> Answered:
    body = json.dumps({"error": {"message": "m", "code": code}}).encode()
    told = {"content-type": "application/json", **headers}
    return Answered(body, status=status, headers=told)


def first_only(fault: Answered, then: Callable[[str], Answered] = plain) -> object:
    """``fault`` for the first key, an answer for the other."""

    def answer(asked: Asked) -> Answered:
        return fault if asked.headers["authorization"] == "Bearer first" else then(asked.model)

    return answer


def keys_asked(upstream: Upstream) -> list[str]:
    return [asked.headers["authorization"].removeprefix("Bearer ") for asked in upstream.asked]


@pytest.mark.parametrize("status", [429, 503, 529])
@pytest.mark.parametrize("streamed", [False, True])
def test_who_is_sent_too_much_is_asked_again_after_a_moment(
    start: Start, upstream: Upstream, status: int, streamed: bool
) -> None:
    gateway = start()
    good = stream("large") if streamed else plain("large")
    answers = iter([refusal(status), refusal(status), good])
    upstream.answer = lambda _: next(answers)
    got = gateway.chat(chat_body(stream=streamed))
    assert (got.status, got.said("retries"), got.said("decision")) == (200, "2", "observed")
    (call,) = gateway.calls(1)
    assert [(a.purpose, a.status, a.cost_usd) for a in call.attempts] == [
        (Purpose.RETRIED, status, 0),
        (Purpose.RETRIED, status, 0),
        (Purpose.ANSWER, 200, pytest.approx(0.002)),
    ]
    assert (call.status, call.error, call.cost_usd) == (200, None, pytest.approx(0.002))


def test_it_is_left_at_so_many_retries_and_the_clients_get_the_upstreams_own_words(
    start: Start, upstream: Upstream
) -> None:
    gateway = start(None, "upstreams: {test: {base_url: UPSTREAM, retries: {most: 1}}}")
    upstream.answer = lambda _: refusal(503)
    got = gateway.chat(chat_body())
    assert (got.status, got.json["error"]["code"]) == (503, "busy")
    assert len(upstream.asked) == 2
    assert gateway.calls(1)[0].error == "HTTP 503 (busy)"


def test_an_upstream_that_says_so_is_not_asked_again(start: Start, upstream: Upstream) -> None:
    gateway = start()
    headers = {"content-type": "application/json", "x-should-retry": "false"}
    upstream.answer = lambda _: Answered(b"{}", status=429, headers=headers)
    got = gateway.chat(chat_body())
    assert (got.status, got.headers["x-should-retry"], len(upstream.asked)) == (429, "false", 1)


def test_nobody_waits_longer_than_is_allowed_for_what_an_upstream_asks(
    start: Start, upstream: Upstream
) -> None:
    gateway = start(None, "upstreams: {test: {base_url: UPSTREAM, retries: {longest_wait_s: 0.3}}}")
    upstream.answer = lambda _: refusal(429, **{"retry-after": "7"})
    got = gateway.chat(chat_body())
    assert (got.status, got.headers["retry-after"], len(upstream.asked)) == (429, "7", 1)
    answers = iter([refusal(429, **{"retry-after-ms": "200"}), plain("large")])
    upstream.answer = lambda _: next(answers)
    began = time.monotonic()
    assert gateway.chat(chat_body()).status == 200
    assert time.monotonic() - began >= 0.2


def test_a_retry_has_to_fit_into_the_calls_time(start: Start, upstream: Upstream) -> None:
    gateway = start(None, "serve: {timeout_s: 0.5}")
    upstream.answer = lambda _: refusal(429, **{"retry-after": "1"})
    assert gateway.chat(chat_body()).status == 429
    assert len(upstream.asked) == 1


@pytest.mark.parametrize("status", [400, 401, 404, 408, 409, 422, 500, 502, 504])
def test_the_same_place_is_not_asked_again_what_may_be_billed_or_will_not_change(
    start: Start, upstream: Upstream, status: int
) -> None:
    gateway = start()
    upstream.answer = lambda _: refusal(status)
    assert gateway.chat(chat_body()).status == status
    assert len(upstream.asked) == 1


@pytest.mark.parametrize(
    ("fault", "cost_usd"),
    [
        (refusal(401), 0),
        (refusal(404), 0),
        (refusal(429, "insufficient_quota"), 0),
        (refusal(500), 0),
        (Answered(wait_s=PATIENCE_S), None),
        (Answered(cut=True), None),
        (Answered(pieces=[b'{"choi'], cut=True), None),
    ],
    ids=["401", "404", "no credit", "500", "hangs", "no reply", "half a reply"],
)
@pytest.mark.parametrize("streamed", [False, True])
def test_what_one_deployment_cannot_do_the_next_one_does(
    start: Start, upstream: Upstream, fault: Answered, cost_usd: float | None, streamed: bool
) -> None:
    gateway = start(None, TWO_KEYS, **KEYS)
    upstream.answer = first_only(fault, stream if streamed else plain)
    got = gateway.chat(chat_body(stream=streamed))
    assert (got.status, got.said("retries")) == (200, "1")
    assert keys_asked(upstream) == ["first", "second"]
    (call,) = gateway.calls(1)
    failed, good = call.attempts
    assert (failed.purpose, failed.cost_usd, good.error) == (Purpose.RETRIED, cost_usd, None)
    total = None if cost_usd is None else pytest.approx(0.002)
    assert call.cost_usd == total, "what may have been billed is not left out of the sum"


def test_a_deployment_that_says_when_to_come_back_is_left_alone_until_then(
    start: Start, upstream: Upstream
) -> None:
    gateway = start(None, TWO_KEYS, **KEYS)
    upstream.answer = first_only(refusal(429, **{"retry-after": "30"}))
    for _ in range(3):
        assert gateway.chat(chat_body()).status == 200
    assert keys_asked(upstream) == ["first", "second", "second", "second"]


def test_a_cascade_falls_back_only_where_no_deployment_answers(
    start: Start, upstream: Upstream
) -> None:
    gateway = start(CASCADE, TWO_KEYS, **KEYS)
    upstream.answer = lambda asked: refusal(500) if asked.model == "small" else plain("large")
    got = gateway.chat(chat_body(), "triage")
    assert (got.said("decision"), got.said("model"), got.said("retries")) == (
        "fallback",
        "large",
        "1",
    )
    assert str(got.said("reason")).startswith("small failed: HTTP 500 (busy)")
    upstream.answer = first_only(refusal(500))
    got = gateway.chat(chat_body(), "triage")
    assert (got.said("decision"), got.said("model")) == ("accepted", "small")
    assert gateway.calls(2)[1].decision is Decision.ACCEPTED


def test_a_model_may_have_another_name_at_a_deployment(start: Start, upstream: Upstream) -> None:
    named = TWO_KEYS.replace("weight: 0", "weight: 0, names: {large: vendor/large}")
    gateway = start(None, named, **KEYS)
    upstream.answer = first_only(refusal(500))
    assert gateway.chat(chat_body()).status == 200
    assert [asked.model for asked in upstream.asked] == ["large", "vendor/large"]
    assert gateway.calls(1)[0].model == "large"


def test_the_reason_of_a_call_that_was_retried_is_that_of_its_route(
    start: Start, upstream: Upstream
) -> None:
    gateway = start(SWITCH, TWO_KEYS, **KEYS)
    upstream.answer = first_only(refusal(500))
    got = gateway.chat(chat_body(), "triage")
    assert got.said("reason") == "route matched; the route is unproven"


BREAKER = (
    "upstreams: {test: {base_url: UPSTREAM, retries: {most: 0}, breaker: {failures: 2, open_s: 2}}}"
)


def test_an_upstream_that_fails_again_and_again_is_left_alone_for_a_while(
    start: Start, upstream: Upstream
) -> None:
    gateway = start(None, BREAKER)
    upstream.answer = lambda _: refusal(500)
    statuses: list[int] = []

    def chat() -> Got:
        got = gateway.chat(chat_body())
        statuses.append(got.status)
        return got

    for _ in range(3):
        chat()
    got = chat()
    assert statuses == [500, 500, 503, 503]
    assert got.json["error"]["code"] == "upstream_circuit_open"
    assert got.headers["retry-after"] in ("1", "2")
    assert "failed 2 times in a row" in got.json["error"]["message"]
    assert (len(upstream.asked), gateway.ready()["circuits_open"]) == (2, ["test"])
    upstream.answer = lambda asked: plain(asked.model)
    wait_until(lambda: chat().status == 200)
    assert gateway.ready()["circuits_open"] == []
    calls = gateway.calls(len(statuses))
    unasked = [c for c in calls if str(c.error).startswith("circuit open")]
    assert len(unasked) == statuses.count(503) and {c.cost_usd for c in unasked} == {0}


def test_an_open_circuit_sends_a_cascade_on_without_asking(
    start: Start, upstream: Upstream
) -> None:
    two = """
upstreams:
  bad: {base_url: UPSTREAM, key: env:ONE, breaker: {failures: 1, open_s: 60}}
  good: {base_url: UPSTREAM, key: env:TWO}
models: {small: {upstream: bad}, large: {upstream: good}}
"""
    gateway = start(CASCADE, two, **KEYS)
    upstream.answer = first_only(refusal(500))
    for _ in range(2):
        got = gateway.chat(chat_body(), "triage")
        assert (got.status, got.said("decision")) == (200, "fallback")
    assert keys_asked(upstream) == ["first", "second", "second"]
    assert gateway.calls(2)[1].cost_usd == pytest.approx(0.002)


BOUNDED = "upstreams: {test: {base_url: UPSTREAM, in_flight: {most: 1, waiting: 1, wait_s: WAIT}}}"


@pytest.mark.parametrize("streamed", [False, True])
def test_calls_wait_for_their_turn_and_too_many_are_told_when_to_come_back(
    start: Start, upstream: Upstream, streamed: bool
) -> None:
    gateway = start(None, BOUNDED.replace("WAIT", str(PATIENCE_S)))
    good = stream("large", wait_s=1.0) if streamed else Answered(plain("large").body, wait_s=1.0)
    upstream.answer = lambda _: good
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(gateway.chat, chat_body(stream=streamed)) for _ in range(3)]
    refused, *answered = sorted((a.result() for a in asked), key=lambda got: -got.status)
    assert [got.status for got in answered] == [200, 200]
    assert (refused.status, refused.json["error"]["code"]) == (503, "upstream_busy")
    assert refused.headers["retry-after"] == "1"
    assert [asked.cost_usd for asked in gateway.calls(3) if asked.status == 503] == [0]


def test_a_client_that_goes_away_gives_its_turn_back(start: Start, upstream: Upstream) -> None:
    gateway = start(None, BOUNDED.replace("WAIT", "5"))
    upstream.answer = lambda _: Answered(
        pieces=[b"data: {}\n\n", PATIENCE_S], headers={"content-type": "text/event-stream"}
    )
    body = json.dumps(chat_body(stream=True)).encode()
    host, port = gateway.url.removeprefix("http://").removesuffix("/v1").split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as client:
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n"
        client.sendall(head.encode() + b"\r\n" + body)
        assert client.recv(4096).startswith(b"HTTP/1.1 200")
    upstream.answer = lambda asked: plain(asked.model)
    assert gateway.chat(chat_body()).status == 200


def test_both_official_clients_are_told_in_their_own_shape(
    start: Start, upstream: Upstream
) -> None:
    once = BREAKER.replace("failures: 2, open_s: 2", "failures: 1, open_s: 60")
    gateway = start(None, once)
    upstream.answer = lambda _: refusal(500)
    gateway.chat(chat_body())
    with gateway.client() as client, pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(model="large", messages=[])
    assert caught.value.status_code == 503
    claude = start(None, once.replace("{base", "{api: anthropic, base"))
    upstream.answer = lambda _: refusal(529)
    ask = {"model": "large", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}
    with anthropic_client(claude) as client, pytest.raises(anthropic.APIStatusError):
        client.messages.create(**ask)
    with anthropic_client(claude) as client, pytest.raises(anthropic.APIStatusError) as told:
        client.messages.create(**ask)
    assert told.value.status_code == 503
    assert told.value.body["error"]["type"] == "api_error"


def test_messages_are_asked_again_as_chat_is(start: Start, upstream: Upstream) -> None:
    gateway = start(None, TWO_KEYS.replace("base_url:", "api: anthropic\n    base_url:"), **KEYS)

    def answer(asked: Asked) -> Answered:
        first = asked.headers["x-api-key"] == "first"
        return refusal(529) if first else plain_message(asked.model)

    upstream.answer = answer
    with anthropic_client(gateway) as client:
        said = client.messages.create(
            model="large", max_tokens=9, messages=[{"role": "user", "content": "x"}]
        )
    assert said.content[0].text == "billing"
    assert len(gateway.calls(1)[0].attempts) == 2
