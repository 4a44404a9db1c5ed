"""`/v1/messages` with Anthropic's own client, in front of an Anthropic-shaped upstream."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import anthropic
import pytest

from downroute.records import Decision

from .anthropic_upstream import error, event, message, message_events, message_stream, plain_message
from .running import Gateway, Start
from .upstream import Answered, Asked, Upstream, without_comments

CONFIG = "upstreams: {claude: {base_url: UPSTREAM, api: anthropic}}"
SWITCH = "version: 1\nroutes: [{task: triage, models: [small], baseline: large, unproven: true}]"
CASCADE = """
version: 1
routes:
  - task: triage
    models: [small, large]
    checks: [{one_of: [billing, bug, other]}]
    unproven: true
"""
ASK: dict[str, Any] = {
    "model": "large",
    "max_tokens": 100,
    "system": [{"type": "text", "text": "Sort.", "cache_control": {"type": "ephemeral"}}],
    "messages": [{"role": "user", "content": "Where is my invoice?"}],
}
TASK = {"x-downroute-task": "triage"}


def client(gateway: Gateway, **options: Any) -> anthropic.Anthropic:
    root = gateway.url.removesuffix("/v1")
    return anthropic.Anthropic(base_url=root, **{"api_key": "k", "max_retries": 0, **options})


def says(**answers: str):
    return lambda asked: plain_message(asked.model, answers.get(asked.model, "billing"))


def post(gateway: Gateway, body: dict[str, Any], **headers: str):
    sent = {"content-type": "application/json", "x-api-key": "k", **headers}
    return gateway.request("POST", "/v1/messages", json.dumps(body).encode(), sent)


def test_a_message_passes_byte_for_byte_with_what_the_api_asks_for(
    start: Start, upstream: Upstream
) -> None:
    gateway = start(None, CONFIG)
    upstream.answer = says()
    body = {**ASK, "thinking": {"type": "enabled", "budget_tokens": 1024}, "top_k": 5}
    got = post(gateway, body, **{"anthropic-beta": "b-1"})
    assert got.status == 200 and got.body == plain_message("large").body
    (asked,) = upstream.asked
    assert asked.path == "/v1/messages" and asked.json == body
    assert asked.headers["x-api-key"] == "k"
    assert asked.headers["anthropic-version"] == "2023-06-01"
    assert asked.headers["anthropic-beta"] == "b-1"
    assert (got.said("decision"), got.headers["request-id"]) == ("observed", "req_7")
    (call,) = gateway.calls(1)
    assert (call.model, call.snapshot, call.usage.input_tokens) == ("large", "large-20260101", 100)
    assert call.cost_usd == pytest.approx((100 * 10 + 10 * 100) / 1e6)


def test_what_is_still_in_beta_is_asked_for_in_the_address_as_well(
    start: Start, upstream: Upstream
) -> None:
    gateway = start(None, CONFIG.replace("UPSTREAM", "'UPSTREAM?region=eu'"))
    upstream.answer = says()
    with client(gateway) as anthropics:
        anthropics.beta.messages.create(**ASK, betas=["b-1"], extra_query={"beta": "true"})
    (asked,) = upstream.asked
    assert asked.target == "/v1/messages?beta=true&region=eu"
    assert asked.headers["anthropic-beta"] == "b-1"


BOTH = """
upstreams:
  first: {base_url: "http://127.0.0.1:9/v1"}
  claude: {base_url: UPSTREAM, api: anthropic}
"""


def test_models_are_listed_in_anthropics_shape_for_its_clients(
    start: Start, upstream: Upstream
) -> None:
    models = "models: {gpt: {upstream: first}, large: {upstream: claude}}"
    gateway = start(None, f"{BOTH}\n{models}")
    with client(gateway) as anthropics:
        found = anthropics.models.list()
        assert [(m.type, m.id) for m in found] == [("model", "large"), ("model", "downroute/auto")]
        assert (found.first_id, found.has_more) == ("large", False)
        assert anthropics.models.retrieve("large").display_name == "large"
        with pytest.raises(anthropic.NotFoundError) as unknown:
            anthropics.models.retrieve("gpt")
    assert unknown.value.body["type"] == "error"
    assert upstream.asked == []


def test_a_list_of_models_is_that_of_the_first_upstream_of_the_clients_shape(
    start: Start, upstream: Upstream
) -> None:
    upstream.answer = lambda _: Answered(b'{"data": [], "has_more": false}')
    with client(start(None, BOTH)) as anthropics:
        assert anthropics.models.list(limit=5).data == []
    assert upstream.asked[0].target == "/v1/models?limit=5"


def test_counting_tokens_costs_nothing(start: Start, upstream: Upstream) -> None:
    gateway = start(None, CONFIG)
    upstream.answer = lambda _: Answered(b'{"input_tokens": 14}')
    asked = {k: v for k, v in ASK.items() if k != "max_tokens"}
    with client(gateway) as anthropics:
        assert anthropics.messages.count_tokens(**asked).input_tokens == 14
    assert [c.cost_usd for c in gateway.calls(1)] == [0.0]


def test_the_upstreams_own_key_replaces_the_clients(start: Start, upstream: Upstream) -> None:
    config = "upstreams: {claude: {base_url: UPSTREAM, api: anthropic, key: env:CLAUDE_KEY}}"
    gateway = start(None, config, CLAUDE_KEY="own")
    upstream.answer = says()
    with client(gateway, default_headers={"anthropic-version": "2030-01-01"}) as own:
        assert own.messages.create(**ASK).content[0].text == "billing"
    (asked,) = upstream.asked
    assert asked.headers["x-api-key"] == "own" and "authorization" not in asked.headers
    assert asked.headers["anthropic-version"] == "2030-01-01"


def test_a_task_is_switched_and_a_cascade_accepts_or_escalates(
    start: Start, upstream: Upstream
) -> None:
    gateway = start(SWITCH, CONFIG)
    upstream.answer = says()
    with client(gateway) as own:
        reply = own.messages.with_raw_response.create(**ASK, extra_headers=TASK)
    assert reply.headers["x-downroute-model"] == "small"
    assert [a.model for a in upstream.asked] == ["small"]
    assert upstream.asked[0].json == {**ASK, "model": "small"}


@pytest.mark.parametrize(
    ("small", "decision", "models"),
    [
        ("bug", Decision.ACCEPTED, ["small"]),
        ("no idea", Decision.ESCALATED, ["small", "large"]),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
def test_a_cascade_judges_messages_too(
    start: Start,
    upstream: Upstream,
    small: str,
    decision: Decision,
    models: list[str],
    streamed: bool,
) -> None:
    gateway = start(CASCADE, CONFIG)

    def answer(asked: Asked) -> Answered:
        text = small if asked.model == "small" else "billing"
        if streamed:
            return message_stream(asked.model, (text[:2], text[2:]))
        return plain_message(asked.model, text)

    upstream.answer = answer
    expected = small if decision is Decision.ACCEPTED else "billing"
    with client(gateway) as own:
        if streamed:
            with own.messages.stream(**ASK, extra_headers=TASK) as stream:
                assert "".join(stream.text_stream) == expected
                assert stream.get_final_message().stop_reason == "end_turn"
        else:
            assert own.messages.create(**ASK, extra_headers=TASK).content[0].text == expected
    assert [a.model for a in upstream.asked] == models
    assert [{**a.json, "model": "large"} for a in upstream.asked] == [
        {**ASK, **({"stream": True} if streamed else {})} for _ in models
    ]
    (call,) = gateway.calls(1)
    assert (call.decision, [a.model for a in call.attempts]) == (decision, models)
    assert call.attempts[0].checks["one_of"] is (decision is Decision.ACCEPTED)
    assert call.cost_usd is not None


def test_nothing_of_a_rejected_stream_is_visible(start: Start, upstream: Upstream) -> None:
    gateway = start(CASCADE, CONFIG)
    upstream.answer = lambda a: message_stream(
        a.model, ("bil", "ling") if a.model == "large" else ("sec", "ret")
    )
    got = post(gateway, {**ASK, "stream": True}, **TASK)
    assert without_comments(got.body) == b"".join(message_events("large", ("bil", "ling")))
    assert b"sec" not in got.body


def test_a_stream_passes_as_it_comes_and_says_its_cost_before_its_end(
    start: Start, upstream: Upstream
) -> None:
    gateway = start(None, CONFIG + "\nmodels: {large: {upstream: claude}}")
    upstream.answer = lambda a: message_stream(a.model)
    got = post(gateway, {**ASK, "stream": True})
    assert without_comments(got.body) == b"".join(message_events("large", ("bil", "ling")))
    assert got.body.index(b": x-downroute-cost-usd") < got.body.index(b"event: message_stop")
    (call,) = gateway.calls(1)
    assert (call.usage.input_tokens, call.usage.output_tokens) == (100, 10)


def test_a_stream_that_breaks_off_ends_in_anthropics_error_event(
    start: Start, upstream: Upstream
) -> None:
    gateway = start(None, CONFIG)
    upstream.answer = lambda a: message_stream(a.model, ("bil",), end=False, cut=True)
    with (
        client(gateway) as own,
        pytest.raises(anthropic.APIStatusError, match="broke off"),
        own.messages.stream(**ASK) as stream,
    ):
        list(stream.text_stream)
    got = post(gateway, {**ASK, "stream": True})
    last = [e for e in got.body.split(b"\n\n") if e.startswith(b"event: error")]
    assert len(last) == 1 and b'"type":"api_error"' in last[0]


def test_an_error_in_the_stream_is_passed_on(start: Start, upstream: Upstream) -> None:
    gateway = start(None, CONFIG)
    overloaded = event("error", error={"type": "overloaded_error", "message": "Overloaded"})
    pieces = [*message_events("large", ("bil",), end=False), overloaded]
    upstream.answer = lambda _: Answered(
        pieces=list(pieces), headers={"content-type": "text/event-stream"}
    )
    with (
        client(gateway) as own,
        pytest.raises(anthropic.APIStatusError, match="Overloaded"),
        own.messages.stream(**ASK) as stream,
    ):
        list(stream.text_stream)
    (call,) = gateway.calls(1)
    assert call.error is not None


@pytest.mark.parametrize(
    ("status", "kind", "raised"),
    [
        (400, "invalid_request_error", anthropic.BadRequestError),
        (401, "authentication_error", anthropic.AuthenticationError),
        (429, "rate_limit_error", anthropic.RateLimitError),
        (529, "overloaded_error", anthropic.APIStatusError),
    ],
)
def test_the_upstreams_errors_come_through(
    start: Start, upstream: Upstream, status: int, kind: str, raised: type[Exception]
) -> None:
    gateway = start(None, CONFIG)
    upstream.answer = lambda _: error(status, kind, "too much")
    with client(gateway) as own, pytest.raises(raised, match="too much"):
        own.messages.create(**ASK)


def test_the_gateways_own_errors_have_anthropics_shape(start: Start, upstream: Upstream) -> None:
    gateway = start(
        CASCADE, "upstreams: {claude: {base_url: 'http://127.0.0.1:9', api: anthropic}}"
    )
    with client(gateway) as own:
        with pytest.raises(anthropic.InternalServerError, match="cannot be reached"):
            own.messages.create(**ASK)
        with pytest.raises(anthropic.NotFoundError, match="leads nowhere"):
            own.messages.create(**{**ASK, "model": "downroute/nothing"})
        with pytest.raises(anthropic.BadRequestError, match="JSON"):
            own.post("/v1/messages", body="nonsense", cast_to=object)
    assert upstream.asked == []


def test_tools_are_judged_in_anthropics_own_shape(start: Start, upstream: Upstream) -> None:
    policy = CASCADE.replace("{one_of: [billing, bug, other]}", "tool_call_valid")
    gateway = start(policy, CONFIG)
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    }
    tools = [{"name": "weather", "description": "d", "input_schema": schema}]

    def answer(asked: Asked) -> Answered:
        given = {"town": "Rome"} if asked.model == "small" else {"city": "Rome"}
        call = {"type": "tool_use", "id": "t1", "name": "weather", "input": given}
        return plain_message(asked.model, "", blocks=[call], stop_reason="tool_use")

    upstream.answer = answer
    with client(gateway) as own:
        reply = own.messages.create(**ASK, tools=tools, extra_headers=TASK)
    assert reply.content[0].input == {"city": "Rome"}
    assert [a.model for a in upstream.asked] == ["small", "large"]


def test_a_self_check_speaks_messages(start: Start, upstream: Upstream) -> None:
    policy = """
version: 1
routes:
  - task: triage
    models: [small, large]
    escalate:
      score: {intercept: 0}
      ask: {self_check: small, between: [-1, 1], score: {intercept: 1, self_check: -1}, above: 0.5}
    unproven: true
"""
    gateway = start(policy, CONFIG)

    def answer(asked: Asked) -> Answered:
        asking = len(asked.json["messages"]) > 1
        return plain_message(asked.model, "No" if asking else "billing")

    upstream.answer = answer
    with client(gateway) as own:
        own.messages.create(**ASK, extra_headers=TASK)
    assert [a.model for a in upstream.asked] == ["small", "small", "large"]
    check = upstream.asked[1].json
    assert check["system"] == ASK["system"] and check["max_tokens"] < 20
    assert check["messages"][1] == {"role": "assistant", "content": "billing"}


def test_words_are_kept_in_a_form_that_studies_read(start: Start, upstream: Upstream) -> None:
    gateway = start(None, CONFIG + "\nstore: {bodies: full}")
    upstream.answer = says()
    post(gateway, ASK)
    upstream.answer = lambda a: message_stream(a.model)
    post(gateway, {**ASK, "stream": True})
    for call in gateway.calls(2, with_bodies=True):
        assert call.request is not None and call.answer is not None
        assert call.answer.text == "billing" and call.answer.finish_reason == "stop"
        assert call.request["messages"][0] == {"role": "system", "content": "Sort."}


def test_the_asynchronous_client_works_alike(start: Start, upstream: Upstream) -> None:
    gateway = start(CASCADE, CONFIG)
    upstream.answer = says(small="bug")

    async def asked() -> str:
        root = gateway.url.removesuffix("/v1")
        async with anthropic.AsyncAnthropic(base_url=root, api_key="k", max_retries=0) as own:
            reply = await own.messages.create(**ASK, extra_headers=TASK)
            return reply.content[0].text

    assert asyncio.run(asked()) == "bug"


def test_a_model_of_another_api_says_where_it_is_asked(start: Start, upstream: Upstream) -> None:
    gateway = start(None, "upstreams: {test: {base_url: UPSTREAM}}")
    got = post(gateway, ASK)
    assert got.status == 400 and "/v1/chat/completions" in got.json["error"]["message"]
    assert got.json["type"] == "error" and upstream.asked == []


def test_counting_tokens_and_other_paths_pass_through(start: Start, upstream: Upstream) -> None:
    gateway = start(CASCADE, CONFIG)
    upstream.answer = lambda _: Answered(b'{"input_tokens": 14}')
    with client(gateway) as own:
        counted = own.messages.count_tokens(
            model="large", messages=[{"role": "user", "content": "Hi"}]
        )
    assert counted.input_tokens == 14
    assert upstream.asked[0].path == "/v1/messages/count_tokens"


CACHED: dict[str, Any] = {
    "cache_read_input_tokens": 50,
    "cache_creation_input_tokens": 7,
    "cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 4},
}


@pytest.mark.parametrize("streamed", [False, True])
def test_cached_tokens_are_input_tokens_at_their_own_prices(
    start: Start, upstream: Upstream, streamed: bool
) -> None:
    gateway = start(None, CONFIG)
    begin = {**message("large", ""), "stop_reason": None}
    begin["usage"] = {"input_tokens": 100, "output_tokens": 1, **CACHED}
    events = [event("message_start", message=begin), *message_events("large", ["x"])[1:]]
    upstream.answer = lambda _: (
        Answered(pieces=list(events), headers={"content-type": "text/event-stream"})
        if streamed
        else Answered(json.dumps(message("large", **CACHED)).encode())
    )
    post(gateway, {**ASK, "stream": streamed})
    (call,) = gateway.calls(1)
    assert (call.usage.input_tokens, call.usage.cached_input_tokens) == (157, 50)
    assert call.usage.apart == (("cache_write", 3), ("cache_write_1h", 4))
    tokens = 150 + 3 * 1.25 + 4 * 2
    assert call.cost_usd == pytest.approx((tokens * 10 + 10 * 100) / 1e6)


def test_searches_that_an_answer_took_are_paid_for(start: Start, upstream: Upstream) -> None:
    priced = "  searcher: {input: 10, output: 100, web_search: 10}\n"
    gateway = start(None, priced + CONFIG)
    searched = {"server_tool_use": {"web_search_requests": 3, "web_fetch_requests": 0}}
    upstream.answer = lambda asked: Answered(json.dumps(message(asked.model, **searched)).encode())
    assert post(gateway, {**ASK, "model": "searcher"}).said("cost-usd") == "0.032000000"
    assert post(gateway, {**ASK, "model": "small"}).said("cost-usd") is None
    assert [c.cost_usd for c in gateway.calls(2)] == [pytest.approx(0.032), None]
