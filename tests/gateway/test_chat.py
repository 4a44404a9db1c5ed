"""Plain calls through a gateway on real sockets."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import openai
import pytest

from downroute.records import Decision
from downroute.store import Store

from .running import Start
from .upstream import Answered, Asked, Upstream, chat_body, plain

CASCADE = """
version: 1
routes:
  - task: triage
    models: [small, large]
    checks: [{one_of: [billing, bug]}]
    evidence: {study: s, mean_cost_usd: {large: 0.01, small: 0.001}}
"""
SWITCH = """
version: 1
routes:
  - {task: triage, models: [small], baseline: large, unproven: true}
"""
SCORED = """
version: 1
routes:
  - task: triage
    models: [small, large]
    escalate: {score: {intercept: 0, mean_logprob: -1}, above: 0.5}
    unproven: true
"""


def small_fails_on_crashes(asked: Asked) -> Answered:
    text = asked.json["messages"][-1]["content"]
    return plain(asked.model, "no idea" if "crash" in text and asked.model == "small" else "bug")


def test_without_a_policy_a_call_passes_untouched_and_is_logged(
    start: Start, upstream: Upstream
) -> None:
    gateway = start()
    body = json.dumps(chat_body(unknown={"a": [1.50, None]}), indent=3).encode()
    upstream.answer = lambda asked: Answered(
        plain("large").body,
        headers={
            "content-type": "application/json; charset=utf-8",
            "x-request-id": "r-1",
            "set-cookie": "a=b",
        },
    )
    got = gateway.chat(body, "inbox", authorization="Bearer client", **{"x-session-id": "s-1"})
    assert (got.status, got.body) == (200, plain("large").body)
    assert got.headers["content-type"] == "application/json; charset=utf-8"
    assert got.headers["x-request-id"] == "r-1"
    assert (got.said("decision"), got.said("model")) == ("observed", "large")
    assert got.said("policy") is None

    (asked,) = upstream.asked
    assert asked.body == body
    assert asked.path == "/v1/chat/completions"
    assert asked.headers["authorization"] == "Bearer client"
    assert asked.headers["accept-encoding"] == "identity"
    assert not [h for h in asked.headers if h.startswith("x-downroute") or h == "x-session-id"]

    (call,) = gateway.calls(1)
    assert call.id == got.said("call-id")
    assert (call.source, call.task, call.session) == ("gateway", "inbox", "s-1")
    assert (call.model, call.requested_model, call.snapshot) == ("large", "large", "large-2026")
    assert (call.decision, call.status, call.stream) == (Decision.OBSERVED, 200, False)
    assert (call.usage.input_tokens, call.usage.output_tokens) == (100, 10)
    assert call.usage.cached_input_tokens is None
    assert call.cost_usd == pytest.approx((100 * 10 + 10 * 100) / 1e6)
    assert len(call.fingerprint) == 12
    assert call.request is None


def test_a_cascade_accepts_one_answer_and_escalates_another(
    start: Start, upstream: Upstream
) -> None:
    gateway = start(CASCADE)
    upstream.answer = small_fails_on_crashes
    good = gateway.chat(chat_body("charged twice"), "triage")
    assert good.body == plain("small", "bug").body
    assert (good.said("decision"), good.said("model")) == ("accepted", "small")
    assert good.said("task") == "triage"
    assert float(good.said("cost-usd") or 0) == pytest.approx(0.0002)
    assert float(good.said("saved-usd") or 0) == pytest.approx(0.0098)

    bad = gateway.chat(chat_body("it crashes"), "triage")
    assert bad.body == plain("large", "bug").body
    assert (bad.said("decision"), bad.said("model")) == ("escalated", "large")
    assert bad.said("reason") == "check one_of failed"
    assert float(bad.said("cost-usd") or 0) == pytest.approx(0.0022)
    assert [a.model for a in upstream.asked] == ["small", "small", "large"]
    first, second = upstream.asked[1:]
    assert {**first.json, "model": "large"} == second.json

    accepted, escalated = gateway.calls(2)
    assert [a.checks for a in escalated.attempts] == [{"one_of": False}, {}]
    assert escalated.cost_usd == pytest.approx(0.0022)
    assert escalated.usage.input_tokens == 100
    assert accepted.policy_digest == good.said("policy")
    with Store.open(gateway.store) as store:
        served = store.ledger.policy(str(good.said("policy")))
    assert served is not None
    assert served.text == CASCADE


def test_only_requests_of_the_task_for_its_baseline_are_routed(
    start: Start, upstream: Upstream
) -> None:
    gateway = start(SWITCH)
    routed = gateway.chat(chat_body(), "triage")
    assert (routed.said("model"), routed.said("decision")) == ("small", "direct")
    assert "unproven" in str(routed.said("reason"))
    assert gateway.chat(chat_body()).said("model") == "large"
    assert gateway.chat(chat_body(), "other").said("decision") == "passthrough"
    assert gateway.chat(chat_body(model="mini"), "triage").said("model") == "mini"
    bypassed = gateway.chat(chat_body(), "triage", **{"x-downroute-bypass": "1"})
    assert (bypassed.said("model"), bypassed.said("decision")) == ("large", "bypassed")
    in_body = gateway.chat(chat_body(metadata={"task": "triage"}))
    assert in_body.said("model") == "small"
    assert [a.model for a in upstream.asked] == [
        "small",
        "large",
        "large",
        "mini",
        "large",
        "small",
    ]
    assert "metadata" not in upstream.asked[-1].json
    assert gateway.chat(chat_body(model="downroute/triage")).said("model") == "small"
    assert gateway.chat(chat_body(model="downroute/auto")).status == 404


def test_the_official_client_gets_what_it_would_get_without_a_gateway(
    start: Start, upstream: Upstream
) -> None:
    gateway = start(SWITCH)
    upstream.answer = lambda asked: plain(asked.model, system_fingerprint="fp")
    messages: Any = [{"role": "user", "content": "hi"}]
    with gateway.client() as client:
        raw = client.chat.completions.with_raw_response.create(
            model="large", messages=messages, extra_headers={"x-downroute-task": "triage"}
        )
        assert raw.headers["x-downroute-model"] == "small"
        completion = raw.parse()
        assert completion.model == "small-2026"
        assert completion.choices[0].message.content == "billing"
        assert completion.system_fingerprint == "fp"
        hinted = client.chat.completions.create(
            model="large", messages=messages, metadata={"task": "triage", "kept": "yes"}
        )
        assert hinted.model == "small-2026"
        assert upstream.asked[-1].json["metadata"] == {"kept": "yes"}
        listed = b'{"object": "list", "data": [{"id": "m", "object": "model"}]}'
        upstream.answer = lambda _: Answered(listed)
        assert [m.id for m in client.models.list()] == ["m"]
        upstream.answer = lambda asked: plain(asked.model)

    async def ask() -> str:
        async with openai.AsyncOpenAI(base_url=gateway.url, api_key="k") as client:
            return (await client.chat.completions.create(model="large", messages=messages)).model

    assert asyncio.run(ask()) == "large-2026"


def test_log_probabilities_are_asked_for_by_the_score_and_kept_from_the_client(
    start: Start, upstream: Upstream
) -> None:
    gateway = start(SCORED)

    def answer(asked: Asked) -> Answered:
        if asked.model == "large":
            return plain("large")
        sure = "sure" in asked.json["messages"][-1]["content"]
        token = {"token": "billing", "logprob": -0.1 if sure else -2.0}
        assert asked.json["logprobs"] is True
        return plain("small", logprobs={"content": [token], "refusal": None})

    upstream.answer = answer
    accepted = gateway.chat(chat_body("sure"), "triage")
    assert (accepted.said("decision"), accepted.json["choices"][0]["logprobs"]) == (
        "accepted",
        None,
    )
    assert accepted.json == json.loads(plain("small").body)
    escalated = gateway.chat(chat_body("doubtful"), "triage")
    assert escalated.said("reason") == "score 2.000 is above 0.5; the route is unproven"
    assert "logprobs" not in upstream.asked[-1].json

    wanted = gateway.chat(chat_body("sure", logprobs=True), "triage")
    assert wanted.json["choices"][0]["logprobs"]["content"][0]["logprob"] == -0.1
    scores = [c.attempts[0].score for c in gateway.calls(3)]
    assert scores == pytest.approx([0.1, 2.0, 0.1])


def test_a_score_that_cannot_be_told_escalates(start: Start, upstream: Upstream) -> None:
    gateway = start(SCORED)
    got = gateway.chat(chat_body(), "triage")
    assert got.said("decision") == "escalated"
    assert "mean_logprob is missing" in str(got.said("reason"))


def test_of_several_choices_each_has_to_pass(start: Start, upstream: Upstream) -> None:
    def answer(asked: Asked) -> Answered:
        body = json.loads(plain(asked.model).body)
        second = {"index": 1, "message": {"content": "no idea"}, "finish_reason": "stop"}
        return Answered(json.dumps({**body, "choices": [*body["choices"], second]}).encode())

    upstream.answer = answer
    gateway = start(CASCADE)
    assert gateway.chat(chat_body(n=2), "triage").said("decision") == "escalated"
    assert upstream.asked[-1].json["n"] == 2


CONFIGURED = """
upstreams:
  first: {base_url: UPSTREAM, key: env:FIRST_KEY, headers: {X-Team: blue}}
  second: {base_url: UPSTREAM}
models:
  large: {upstream: first}
  small: {upstream: second, name: tiny-v2, set: {reasoning_effort: low}, drop: [temperature]}
"""


def test_each_model_is_asked_where_and_how_the_configuration_says(
    start: Start, upstream: Upstream
) -> None:
    gateway = start(SWITCH, CONFIGURED, FIRST_KEY="own-secret")
    client = {"authorization": "Bearer client-secret"}
    gateway.chat(chat_body(temperature=0), None, **client)
    gateway.chat(chat_body(temperature=0), "triage", **client)
    large, small = upstream.asked
    assert large.headers["authorization"] == "Bearer own-secret"
    assert large.headers["x-team"] == "blue"
    assert large.json["temperature"] == 0
    assert small.headers["authorization"] == "Bearer client-secret"
    assert (small.model, small.json["reasoning_effort"]) == ("tiny-v2", "low")
    assert "temperature" not in small.json
    assert [c.model for c in gateway.calls(2)] == ["large", "small"]
    with gateway.client() as listing:
        assert [m.id for m in listing.models.list()] == ["large", "small", "downroute/auto"]
        assert listing.models.retrieve("small").owned_by == "second"
    assert b"secret" not in gateway.request("GET", "/v1/models").body


@pytest.mark.parametrize(("bodies", "kept"), [("none", False), ("full", True)])
def test_words_are_kept_only_where_the_configuration_says_so(
    start: Start, upstream: Upstream, bodies: str, kept: bool
) -> None:
    gateway = start(CASCADE, f"store: {{bodies: {bodies}}}")
    upstream.answer = small_fails_on_crashes
    gateway.chat(chat_body("my name is Zebedee; it crashes"), "triage")
    upstream.answer = lambda asked: Answered(
        b'{"error": {"message": "Zebedee is no good", "code": "Zebedee said"}}', status=400
    )
    gateway.chat(chat_body("Zebedee again"))
    first, second = gateway.calls(2, with_bodies=True)
    written = b"".join(f.read_bytes() for f in gateway.store.iterdir())
    assert (b"Zebedee" in written) is kept
    if kept:
        assert first.request == chat_body("my name is Zebedee; it crashes")
        assert first.answer is not None
        assert first.answer.text == "bug"
    assert (second.status, second.error) == (400, "HTTP 400")


def test_an_unknown_path_or_method_says_what_there_is(start: Start) -> None:
    gateway = start()
    for method, path, status in (
        ("POST", "/embed", 404),
        ("GET", "/", 404),
        ("DELETE", "/v1/chat/completions", 405),
    ):
        got = gateway.request(method, path, b"{}" if method == "POST" else b"")
        assert got.status == status
        assert set(got.json["error"]) == {"message", "type", "param", "code"}
        assert path in got.json["error"]["message"]
    assert gateway.request("POST", "/chat/completions", b"nonsense").status == 400
    body = json.dumps(chat_body()).encode()
    assert gateway.request("POST", "/chat/completions/", body).status == 200


def test_a_page_of_another_site_cannot_spend_money(start: Start, upstream: Upstream) -> None:
    got = start().chat(chat_body(), None, **{"sec-fetch-site": "cross-site"})
    assert got.status == 403
    assert not upstream.asked


def test_strange_messages_are_the_upstreams_to_refuse(start: Start, upstream: Upstream) -> None:
    gateway = start(CASCADE)
    for messages in (5, None, "text", [5, None], [{"role": 1, "content": {"a": 1}}], []):
        body = {"model": "large", "messages": messages, "tools": 5, "response_format": "x"}
        assert gateway.chat(body).status == 200
        assert upstream.asked[-1].json == body
        assert gateway.chat(body, "triage").status == 200
    assert len(gateway.calls(12)) == 12


@pytest.mark.parametrize(("configured", "joined"), [("", ""), ("?api-version=7", "&api-version=7")])
def test_the_query_of_the_address_reaches_every_model_that_is_asked(
    start: Start, upstream: Upstream, configured: str, joined: str
) -> None:
    gateway = start(CASCADE, f"upstreams: {{test: {{base_url: 'UPSTREAM{configured}'}}}}")
    upstream.answer = small_fails_on_crashes
    with gateway.client(default_query={"beta": "true"}) as client:
        request = chat_body("It crashes.")
        client.chat.completions.create(**request, extra_headers={"x-downroute-task": "triage"})
        upstream.answer = lambda _: Answered(b'{"object": "list", "data": []}')
        client.models.list()
    assert [asked.target for asked in upstream.asked] == [
        f"/v1/chat/completions?beta=true{joined}",
        f"/v1/chat/completions?beta=true{joined}",
        f"/v1/models?beta=true{joined}",
    ]


def test_tokens_of_audio_have_their_own_price_or_the_cost_is_not_known(
    start: Start, upstream: Upstream
) -> None:
    gateway = start(None, "  voice: {input: 10, output: 100, audio_input: 40, audio_output: 80}\n")
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 10,
        "prompt_tokens_details": {"audio_tokens": 90, "cached_tokens": 0},
        "completion_tokens_details": {"audio_tokens": 5, "reasoning_tokens": 0},
    }
    upstream.answer = lambda asked: plain(asked.model, usage=usage)
    for model in ("voice", "small"):
        gateway.chat(chat_body(model=model))
    voice, small = gateway.calls(2)
    assert voice.cost_usd == pytest.approx((10 * 10 + 90 * 40 + 5 * 100 + 5 * 80) / 1e6)
    assert small.cost_usd is None
