"""Streamed calls through a gateway on real sockets."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import openai
import pytest

from downroute.gateway import chat_stream
from downroute.gateway.sse import HEARTBEAT
from downroute.records import Purpose

from .running import PATIENCE_S, Gateway, Start, wait_until
from .test_chat import CASCADE, SCORED, SWITCH
from .upstream import (
    Answered,
    Asked,
    Upstream,
    chat_body,
    plain,
    stream,
    stream_events,
    without_comments,
)

IMPATIENT = "serve: {heartbeat_s: 0.05}"


def joined(*events: bytes) -> bytes:
    return b"".join(events)


def without_usage(events: list[bytes]) -> bytes:
    return b"".join(e for e in events if b'"prompt_tokens"' not in e)


def small_fails_on_crashes(asked: Asked) -> Answered:
    text = asked.json["messages"][-1]["content"]
    fails = "crash" in text and asked.model == "small"
    return stream(asked.model, ("no ", "idea") if fails else ("bu", "g"))


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n"])
@pytest.mark.parametrize("asks", [True, False])
def test_a_stream_passes_byte_for_byte_but_for_what_was_not_asked_for(
    start: Start, upstream: Upstream, asks: bool, end: bytes
) -> None:
    gateway = start()
    upstream.answer = lambda asked: stream("large", ("naïve ", '"usage": {}\n\n'), end=end)
    options = {"stream_options": {"include_usage": True}} if asks else {}
    got = gateway.chat(chat_body(stream=True, **options))
    sent = stream_events("large", ("naïve ", '"usage": {}\n\n'), end=end)
    expected = joined(*sent) if asks else without_usage(sent)
    assert got.body.replace(b": x-downroute-cost-usd: 0.002000000\n\n", b"") == expected
    assert got.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert got.headers["x-request-id"] == "req-7"
    assert (got.said("decision"), got.said("cost-usd")) == ("observed", None)
    assert upstream.asked[0].json["stream_options"] == {"include_usage": True}
    (call,) = gateway.calls(1)
    assert (call.stream, call.usage.output_tokens, call.snapshot) == (True, 10, "large-2026")
    assert call.cost_usd == pytest.approx(0.002)
    assert call.attempts[0].finish_reason == "stop"
    assert call.first_byte_s is not None
    assert call.latency_s is not None
    assert call.first_byte_s <= call.latency_s


def test_the_cost_stands_in_a_comment_before_the_end_mark(start: Start, upstream: Upstream) -> None:
    policy = CASCADE.replace("[small, large]", "[small]\n    baseline: large").replace(
        "    checks: [{one_of: [billing, bug]}]\n", ""
    )
    gateway = start(policy)
    upstream.answer = lambda asked: stream(asked.model)
    events = gateway.chat(chat_body(stream=True), "triage").body.split(b"\n\n")
    assert events[-3:] == [
        b": x-downroute-cost-usd: 0.000200000\n: x-downroute-saved-usd: 0.009800000",
        b"data: [DONE]",
        b"",
    ]


def test_the_first_words_are_there_before_the_last_are_said(
    start: Start, upstream: Upstream
) -> None:
    gateway = start()
    events = stream_events("large", ("bil", "ling"))
    upstream.answer = lambda _: Answered(pieces=[*events[:2], PATIENCE_S], headers=EVENT_STREAM)
    with closing(reading(gateway, chat_body(stream=True))) as pieces:
        assert joined(next(pieces), next(pieces)) == joined(*events[:2])
    wait_until(lambda: upstream.asked[0].cancelled)
    (call,) = gateway.calls(1)
    assert call.error == "cancelled"
    assert call.cost_usd is None


EVENT_STREAM = {"content-type": "text/event-stream"}


def reading(gateway: Gateway, body: Any, task: str | None = None) -> Iterator[bytes]:
    """The events of a stream as they come; closing it hangs up."""
    address = urlsplit(gateway.url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=PATIENCE_S)
    try:
        headers = {"x-downroute-task": task} if task else {}
        connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
        reply = connection.getresponse()
        assert reply.status == 200
        lines: list[bytes] = []
        while line := reply.readline():
            lines.append(line)
            if line == b"\n":
                yield b"".join(lines)
                lines.clear()
        reply.close()
    finally:
        connection.close()


def test_a_cascaded_stream_is_accepted_or_escalated_as_a_whole(
    start: Start, upstream: Upstream
) -> None:
    gateway = start(CASCADE)
    upstream.answer = small_fails_on_crashes
    good = gateway.chat(chat_body("charged", stream=True), "triage")
    assert good.body == without_usage(stream_events("small", ("bu", "g")))
    assert (good.said("decision"), good.said("model")) == ("accepted", "small")
    assert float(good.said("saved-usd") or 0) == pytest.approx(0.0098)
    assert good.headers["x-request-id"] == "req-7"

    bad = gateway.chat(chat_body("it crashes", stream=True), "triage")
    assert (bad.said("decision"), bad.said("model")) == ("escalated", "large")
    assert bad.said("reason") == "check one_of failed"
    assert without_comments(bad.body) == without_usage(stream_events("large", ("bu", "g")))
    assert b"no idea" not in bad.body
    assert b": x-downroute-cost-usd: 0.002200000\n" in bad.body

    accepted, escalated = gateway.calls(2)
    assert accepted.attempts[0].checks == {"one_of": True}
    assert [a.model for a in escalated.attempts] == ["small", "large"]
    assert escalated.cost_usd == pytest.approx(0.0022)
    assert escalated.usage.output_tokens == 10


def test_the_official_client_reads_cascaded_and_live_streams(
    start: Start, upstream: Upstream
) -> None:
    gateway = start(CASCADE, IMPATIENT)
    upstream.answer = small_fails_on_crashes
    with gateway.client() as client:
        for text, model in (("charged", "small-2026"), ("it crashes", "large-2026")):
            messages: Any = [{"role": "user", "content": text}]
            chunks = list(
                client.chat.completions.create(
                    model="large",
                    messages=messages,
                    stream=True,
                    stream_options={"include_usage": True},
                    extra_headers={"x-downroute-task": "triage"},
                )
            )
            assert {c.model for c in chunks} == {model}
            assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "bug"
            assert chunks[-1].usage is not None
            assert chunks[-1].usage.completion_tokens == 10

    async def read() -> str:
        async with openai.AsyncOpenAI(base_url=gateway.url, api_key="k") as client:
            chunks = await client.chat.completions.create(
                model="large", messages=[{"role": "user", "content": "x"}], stream=True
            )
            return "".join([c.choices[0].delta.content or "" async for c in chunks])

    assert asyncio.run(read()) == "bug"


@pytest.mark.parametrize(("text", "model"), [("charged", "small"), ("it crashes", "large")])
def test_a_stream_held_back_for_long_shows_that_it_is_alive(
    start: Start, upstream: Upstream, text: str, model: str
) -> None:
    gateway = start(CASCADE, IMPATIENT)

    def answer(asked: Asked) -> Answered:
        answered = small_fails_on_crashes(asked)
        if asked.model == "small":
            assert answered.pieces is not None
            answered.pieces.insert(2, 0.3)
        return answered

    upstream.answer = answer
    got = gateway.chat(chat_body(text, stream=True), "triage")
    assert (got.said("task"), got.said("model")) == ("triage", None)
    assert got.said("policy") is not None
    assert got.body.startswith(HEARTBEAT * 2)
    assert without_comments(got.body) == without_usage(stream_events(model, ("bu", "g")))
    late = got.body.split(b"\n\n")[-3].decode()
    assert f": x-downroute-model: {model}\n: x-downroute-decision: " in late
    assert ": x-downroute-cost-usd: " in late
    (call,) = gateway.calls(1)
    assert call.id == got.said("call-id")
    assert (call.model, call.status) == (model, 200)


def test_log_probabilities_are_kept_from_the_client_of_a_stream_too(
    start: Start, upstream: Upstream
) -> None:
    gateway = start(SCORED)

    def answer(asked: Asked) -> Answered:
        token = b'{"content": [{"token": "bug", "logprob": -0.25}], "refusal": null}'
        shown = token if asked.json.get("logprobs") else b"null"
        event = b'data: {"choices": [{"index": 0, "delta": {"content": "bug"}, "logprobs": %s}]}'
        return Answered(pieces=[event % shown + b"\n\ndata: [DONE]\n\n"], headers=EVENT_STREAM)

    upstream.answer = answer
    hidden = gateway.chat(chat_body(stream=True), "triage")
    assert hidden.said("decision") == "accepted"
    assert b'"logprobs": null}' in hidden.body
    shown = gateway.chat(chat_body(stream=True, logprobs=True), "triage")
    assert b'"logprob": -0.25' in shown.body
    assert [c.attempts[0].score for c in gateway.calls(2)] == [0.25, 0.25]


def test_a_stream_that_breaks_off_ends_in_an_error_event(start: Start, upstream: Upstream) -> None:
    gateway = start()
    events = stream_events("large", ("bil", "ling"))
    upstream.answer = lambda _: Answered(
        pieces=[*events[:2], events[2][:20], 0.05], headers=EVENT_STREAM, cut=True
    )
    got = gateway.chat(chat_body(stream=True))
    assert got.body.startswith(joined(*events[:2]))
    rest = got.body.removeprefix(joined(*events[:2]))
    error = json.loads(rest.removeprefix(b"data: "))["error"]
    assert (error["code"], error["type"]) == ("upstream_broken_off", "upstream_error")
    with gateway.client() as client, pytest.raises(openai.APIError, match="broke off"):
        list(client.chat.completions.create(model="large", messages=[], stream=True))
    for call in gateway.calls(2):
        assert call.error is not None
        assert call.error.startswith("broken off")
        assert (call.status, call.cost_usd) == (200, None)


def test_a_stream_that_just_stops_is_no_answer(start: Start, upstream: Upstream) -> None:
    gateway = start()
    upstream.answer = lambda _: Answered(
        pieces=list(stream_events("large", ("bil",))[:2]), headers=EVENT_STREAM
    )
    assert b'"error"' in gateway.chat(chat_body(stream=True)).body
    upstream.answer = lambda _: stream("large", done=False)
    assert b'"error"' not in gateway.chat(chat_body(stream=True)).body


@pytest.mark.parametrize("policy", [None, CASCADE])
@pytest.mark.parametrize("then", [[60.0], [b": alive\n\n", 0.1] * 600], ids=["nothing", "comments"])
def test_who_has_had_the_end_mark_does_not_wait_for_an_upstream_that_does_not_hang_up(
    start: Start,
    upstream: Upstream,
    policy: str | None,
    then: list[bytes | float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(chat_stream, "AFTER_THE_END_S", 0.2)
    gateway = start(policy)
    sent = stream_events("large", ("bil", "ling"))
    upstream.answer = lambda _: Answered(pieces=[*sent, *then], headers=EVENT_STREAM)
    began = time.monotonic()
    body = gateway.chat(chat_body(stream=True), "triage").body
    assert time.monotonic() - began < PATIENCE_S / 2
    assert b"data: [DONE]" in body and b'"error"' not in body
    (call,) = gateway.calls(1)
    assert (call.error, call.cost_usd is None) == (None, False)
    wait_until(lambda: upstream.asked[0].cancelled)


@pytest.mark.parametrize("policy", [SWITCH, CASCADE])
@pytest.mark.parametrize(
    "fault",
    [
        Answered(b'{"error": {"code": "overloaded"}}', status=503),
        Answered(pieces=[], headers=EVENT_STREAM),
        Answered(pieces=[b'data: {"error": {"message": "no"}}\n\n'], headers=EVENT_STREAM),
        Answered(pieces=[b"data: {"], headers=EVENT_STREAM, cut=True),
        Answered(b"<html>", headers={"content-type": "text/html"}),
    ],
    ids=["503", "empty", "error event", "cut", "html"],
)
def test_before_its_first_word_a_failed_stream_falls_back_on_the_baseline(
    start: Start, upstream: Upstream, fault: Answered, policy: str
) -> None:
    gateway = start(policy)
    upstream.answer = lambda asked: fault if asked.model == "small" else stream("large")
    got = gateway.chat(chat_body(stream=True), "triage")
    assert (got.said("decision"), got.said("model")) == ("fallback", "large")
    assert str(got.said("reason")).startswith("small failed: ")
    assert without_comments(got.body) == without_usage(stream_events("large", ("bil", "ling")))
    (call,) = gateway.calls(1)
    answers = [a for a in call.attempts if a.purpose is Purpose.ANSWER]
    assert [a.failed for a in answers] == [True, False]


def test_a_held_stream_whose_models_all_fail_ends_in_the_upstreams_error(
    start: Start, upstream: Upstream
) -> None:
    gateway = start(CASCADE, IMPATIENT)
    upstream.answer = lambda asked: Answered(
        b'{"error":\n {"message": "overloaded", "code": "busy"}}', status=503, wait_s=0.2
    )
    body = gateway.chat(chat_body(stream=True), "triage").body
    (event,) = [e for e in body.split(b"\n\n") if e.startswith(b"data: ")]
    assert json.loads(event.removeprefix(b"data: ")) == {
        "error": {"message": "overloaded", "code": "busy"}
    }
    (call,) = gateway.calls(1)
    assert call.error == "HTTP 503 (busy)"
    assert call.cost_usd == 0


def test_an_upstream_that_does_not_stream_is_passed_on_as_it_answers(
    start: Start, upstream: Upstream
) -> None:
    gateway = start(SWITCH)
    upstream.answer = lambda asked: plain(asked.model)
    got = gateway.chat(chat_body(stream=True), "triage")
    assert got.body == plain("small").body
    assert got.headers["content-type"] == "application/json"


@pytest.mark.parametrize("configuration", ["", IMPATIENT])
@pytest.mark.parametrize("streamed", [True, False])
def test_a_client_that_hangs_up_ends_the_upstreams_work(
    start: Start, upstream: Upstream, streamed: bool, configuration: str
) -> None:
    gateway = start(CASCADE, configuration)
    upstream.answer = lambda asked: Answered(wait_s=PATIENCE_S)
    address = urlsplit(gateway.url)
    body = json.dumps(chat_body(stream=streamed)).encode()
    with socket.create_connection((str(address.hostname), address.port or 0)) as client:
        client.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nx-downroute-task: triage\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
        )
        wait_until(lambda: bool(upstream.asked))
        if configuration and streamed:
            client.recv(1000)
    wait_until(lambda: upstream.asked[0].cancelled)
    (call,) = gateway.calls(1)
    assert (call.status, call.error) == (499, "cancelled")
    assert [a.error for a in call.attempts] == ["cancelled"]


@pytest.mark.parametrize("configuration", ["", IMPATIENT])
def test_a_client_that_falls_behind_gets_all_of_a_stream_and_the_upstream_waits_for_it(
    start: Start, upstream: Upstream, configuration: str
) -> None:
    gateway = start(CASCADE, configuration)
    words = tuple("x" * 8_000 for _ in range(4_000))
    upstream.answer = lambda _: stream("large", words)
    body = json.dumps(chat_body(stream=True)).encode()
    address = urlsplit(gateway.url)
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32_768)
        client.settimeout(PATIENCE_S)
        client.connect((str(address.hostname), address.port or 0))
        client.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-downroute-bypass: 1\r\n"
            b"connection: close\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
        )
        got = bytearray(client.recv(1000))
        time.sleep(0.3)
        assert gateway.calls(0) == []
        while piece := client.recv(1 << 20):
            got += piece
    assert got.count(b"x" * 8_000) == 4_000 and b"data: [DONE]" in got
    (call,) = gateway.calls(1)
    assert (call.status, call.error) == (200, None)


def test_what_we_say_is_no_part_of_an_event_that_its_upstream_did_not_end(
    start: Start, upstream: Upstream
) -> None:
    gateway = start()
    whole = b"".join(stream_events("large", ("bu", "g"))[:-1]).removesuffix(b"\n\n")
    upstream.answer = lambda _: Answered(pieces=[whole], headers=EVENT_STREAM)
    got = gateway.chat(chat_body(stream=True, stream_options={"include_usage": True}))
    said = got.body.removeprefix(whole)
    assert said.startswith(b"\n\n: x-downroute-cost-usd: ")
    assert got.body.startswith(whole)


def test_an_upstream_that_will_not_be_asked_for_usage_is_asked_without(
    start: Start, upstream: Upstream
) -> None:
    gateway = start()
    refusal = b'{"detail": [{"loc": ["body", "stream_options"], "msg": "Extra inputs"}]}'

    def answer(asked: Asked) -> Answered:
        if "stream_options" in asked.json:
            return Answered(refusal, status=422)
        return stream(asked.model, usage=False)

    upstream.answer = answer
    for _ in range(2):
        got = gateway.chat(chat_body(stream=True))
        expected = b"".join(stream_events("large", ("bil", "ling"), usage=False))
        assert (got.status, without_comments(got.body)) == (200, expected)
    assert ["stream_options" in a.json for a in upstream.asked] == [True, False, False]
    assert [c.cost_usd for c in gateway.calls(2)] == [None, None]
    own = gateway.chat(chat_body(stream=True, stream_options={"include_usage": False}))
    assert (own.status, own.body) == (422, refusal), "what the client asks for is not taken away"


def test_a_refusal_that_only_quotes_a_parameter_changes_nothing_for_others(
    start: Start, upstream: Upstream
) -> None:
    gateway = start()
    upstream.answer = lambda asked: (
        Answered(b'{"error": {"message": "no such role in: stream_options"}}', status=400)
        if asked.json["messages"][-1]["content"] == "stream_options"
        else stream(asked.model)
    )
    assert gateway.chat(chat_body("stream_options", stream=True)).status == 400
    assert gateway.chat(chat_body(stream=True)).status == 200
    assert "stream_options" in upstream.asked[-1].json
