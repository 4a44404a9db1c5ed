"""Conversations of several turns, and loops of tool calls, through a gateway on real sockets."""

from __future__ import annotations

import json
from typing import Any

import pytest

from downroute.gateway.chat_body import ChatBody
from downroute.gateway.conversations import Conversations
from downroute.gateway.headers import Hints
from downroute.gateway.keys import digest_of, new_key
from downroute.gateway.plan import Plan
from downroute.prompts import canonical_json
from downroute.records import Decision, Route

from .running import Gateway, Got, Start
from .test_chat import CASCADE, small_fails_on_crashes
from .upstream import Answered, Asked, Upstream, chat_body, plain

ROUTE = Route("triage", ("small", "large"), "large")
SEARCH = {"type": "function", "function": {"name": "search", "parameters": {"type": "object"}}}


def turns(*texts: str) -> dict[str, Any]:
    """A conversation of the user and the assistant in turn."""
    body = chat_body(texts[0])
    for at, text in enumerate(texts[1:]):
        body["messages"].append({"role": ("assistant", "user")[at % 2], "content": text})
    return body  # type: ignore[no-any-return]


def test_after_an_escalation_a_conversation_stays_on_its_model(
    start: Start, upstream: Upstream
) -> None:
    gateway = start(CASCADE)
    upstream.answer = small_fails_on_crashes
    assert gateway.chat(turns("it crashes"), "triage").said("decision") == "escalated"
    later = gateway.chat(turns("it crashes", "bug", "charged"), "triage")
    assert (later.said("model"), later.said("decision")) == ("large", "direct")
    assert later.said("reason") == "the conversation stays on large after an escalation"
    again = gateway.chat(turns("it crashes"), "triage")
    assert again.said("decision") == "escalated", "the same words may begin another conversation"
    assert gateway.chat(turns("charged", "bug", "charged"), "triage").said("model") == "small"
    assert [a.model for a in upstream.asked] == [
        "small",
        "large",
        "large",
        "small",
        "large",
        "small",
    ]


def test_who_has_another_key_is_in_another_conversation(start: Start, upstream: Upstream) -> None:
    keys = {name: new_key() for name in ("a", "b")}
    digests = {n: {"digest": f"sha256:{digest_of(key).hex()}"} for n, key in keys.items()}
    upstreams = "upstreams: {test: {base_url: UPSTREAM}}"
    gateway = start(CASCADE, f"{upstreams}\ngateway: {{keys: {json.dumps(digests)}}}\n")
    upstream.answer = small_fails_on_crashes

    def ask(name: str, *said: str, **hints: str) -> Got:
        return gateway.chat(turns(*said), "triage", authorization=f"Bearer {keys[name]}", **hints)

    session = {"x-session-id": "s"}
    assert ask("a", "it crashes", **session).said("decision") == "escalated"
    assert ask("a", "charged", **session).said("decision") == "direct"
    assert ask("b", "charged", **session).said("decision") == "accepted"
    assert ask("a", "it crashes").said("decision") == "escalated"
    assert ask("a", "it crashes", "bug", "charged").said("decision") == "direct"
    assert ask("b", "it crashes", "bug", "it crashes").said("decision") == "escalated"


def test_a_session_keeps_its_model_whatever_its_words(start: Start, upstream: Upstream) -> None:
    gateway = start(CASCADE)
    upstream.answer = small_fails_on_crashes

    def ask(text: str, session: str) -> Got:
        return gateway.chat(chat_body(text), "triage", **{"x-session-id": session})

    assert ask("charged", "a").said("model") == "small"
    assert ask("it crashes", "a").said("decision") == "escalated"
    assert ask("charged", "a").said("model") == "large"
    assert ask("charged", "b").said("model") == "small"


def called(id_: str, result: str | None = None) -> list[dict[str, Any]]:
    call = {"id": id_, "type": "function", "function": {"name": "search", "arguments": "{}"}}
    said = [{"role": "assistant", "content": None, "tool_calls": [call]}]
    return (
        said
        if result is None
        else [*said, {"role": "tool", "tool_call_id": id_, "content": result}]
    )


def loop(text: str, *results: str) -> dict[str, Any]:
    body = chat_body(text, tools=[SEARCH])
    for at, result in enumerate(results):
        body["messages"] += called(f"call_{at}", result)
    return body  # type: ignore[no-any-return]


def calling(asked: Asked) -> Answered:
    """Calls a function until two results are there; ``small`` calls a wrong one on crashes and
    says what no check lets pass in the end."""
    results = [m for m in asked.json["messages"] if m["role"] == "tool"]
    if len(results) == 2:
        return plain(asked.model, "no idea")
    crash = "crash" in asked.json["messages"][1]["content"] and asked.model == "small"
    (message,) = called("call_0")
    message["tool_calls"][0]["function"]["name"] = "fetch" if crash else "search"
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    return plain(asked.model, choices=[choice])


LOOP = CASCADE.replace("    checks: [{one_of: [billing, bug]}]\n", "    checks: [not_empty]\n")


@pytest.mark.parametrize(("text", "model"), [("charged", "small"), ("it crashes", "large")])
def test_a_loop_of_tool_calls_stays_on_the_model_that_began_it(
    start: Start, upstream: Upstream, text: str, model: str
) -> None:
    gateway = start(LOOP.replace("not_empty", "{one_of: [billing, bug]}"))
    upstream.answer = calling
    first = gateway.chat(loop(text), "triage")
    assert first.said("model") == model
    for results in (("r",), ("r", "s")):
        got = gateway.chat(loop(text, *results), "triage")
        assert (got.said("model"), got.said("decision")) == (model, "direct")
        assert got.said("reason") == f"a tool-calling loop stays on {model}"


def test_a_loop_begun_elsewhere_goes_on_with_the_last_model(
    start: Start, upstream: Upstream
) -> None:
    gateway = start(LOOP)
    upstream.answer = calling
    assert gateway.chat(loop("charged", "r"), "triage").said("model") == "large"


def test_in_a_loop_too_an_answer_is_not_lost(start: Start, upstream: Upstream) -> None:
    gateway = start(LOOP)
    upstream.answer = calling
    assert gateway.chat(loop("charged"), "triage").said("model") == "small"
    upstream.answer = lambda asked: (
        Answered(b"{}", status=503) if asked.model == "small" else calling(asked)
    )
    got = gateway.chat(loop("charged", "r"), "triage")
    assert (got.status, got.said("model"), got.said("decision")) == (200, "large", "fallback")


STREAMS = """
version: 1
routes:
  - task: triage
    models: [small, large]
    checks: [{one_of: [billing, bug]}]
    stream: MODE
    unproven: true
"""


@pytest.mark.parametrize(
    ("mode", "model", "decision"),
    [
        ("buffer", "large", "escalated"),
        ("direct", "small", "direct"),
        ("baseline", "large", "direct"),
    ],
)
def test_a_stream_is_answered_as_its_route_says(
    start: Start, upstream: Upstream, mode: str, model: str, decision: str
) -> None:
    gateway: Gateway = start(STREAMS.replace("MODE", mode))
    upstream.answer = small_fails_on_crashes
    plainly = gateway.chat(chat_body("it crashes"), "triage")
    assert (plainly.said("model"), plainly.said("decision")) == ("large", "escalated")
    got = gateway.chat(chat_body("it crashes", stream=True), "triage")
    assert (got.said("model"), got.said("decision")) == (model, decision)


def body_of(*texts: str, **more: Any) -> ChatBody:
    body = ChatBody.read(canonical_json({**turns(*texts), **more}).encode())
    assert isinstance(body, ChatBody)
    return body


def test_what_is_remembered_has_an_end_in_time_and_number() -> None:
    kept = Conversations(most=2, kept_s=10.0)
    plan = Plan(ROUTE, "route matched", None, "triage")

    def models(text: str, now: float) -> tuple[str, ...]:
        return kept.plan(plan, body_of(text, "bug", "and?"), Hints(), now).route.models

    for at, text in enumerate(("a", "b", "c")):
        kept.answered(plan, body_of(text), Hints(), "large", Decision.ESCALATED, float(at))
    assert models("a", 3.0) == ("small", "large")
    assert models("b", 3.0) == models("c", 12.0) == ("large",)
    assert models("c", 21.0) == ("large",), "each request makes it last longer"
    assert models("b", 14.0) == ("small", "large")


def test_other_tasks_and_routes_that_do_not_know_the_model_are_left_alone() -> None:
    kept, hints = Conversations(), Hints(session="s")
    plan = Plan(ROUTE, "route matched", None, "triage")
    kept.answered(plan, body_of("a"), hints, "large", Decision.ESCALATED, 0.0)
    other = Plan(ROUTE, "route matched", None, "chat")
    assert kept.plan(other, body_of("a"), hints, 1.0) is other
    new = Plan(Route("triage", ("tiny", "huge"), "huge"), "route matched", None, "triage")
    assert kept.plan(new, body_of("a"), hints, 1.0) is new
    ladder = Route("triage", ("tiny", "large", "huge"), "huge")
    stays = kept.plan(Plan(ladder, "route matched", None, "triage"), body_of("a"), hints, 1.0)
    assert stays.route.models == ("large", "huge")
    unrouted = Plan(ROUTE, "no route", Decision.PASSTHROUGH, "triage")
    assert kept.plan(unrouted, body_of("a"), hints, 1.0) is unrouted
