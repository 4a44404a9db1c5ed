"""A second opinion that is paid for, through a gateway on real sockets."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from downroute.answers.self_check import ALTERNATIVES

from .running import Start
from .upstream import Answered, Asked, Upstream, chat_body, plain, stream

SELF_CHECK = """
version: 1
routes:
  - task: triage
    models: [small, large]
    escalate:
      score: {intercept: 0, words_out: 0.1}
      ask:
        self_check: small
        between: [0.15, 0.45]
        score: {intercept: 1, self_check: -1, words_out: 0.001}
        above: 0.3
        prompt: "Right?"
    unproven: true
"""
HELPER = """
version: 1
routes:
  - task: triage
    models: [small, large]
    escalate:
      score: {intercept: 0, words_out: 0.1}
      ask: {helper: other, between: [0.15, 0.45], score: {intercept: 1, agreement: -1}, above: 0.3}
    unproven: true
"""


def sure(p: float) -> dict[str, Any]:
    tops = [
        {"token": t, "logprob": math.log(q), "bytes": None} for t, q in (("Yes", p), ("No", 1 - p))
    ]
    return {"content": [{**tops[0], "top_logprobs": tops}], "refusal": None}


def answering(
    words: str, opinion: Answered, make: Callable[..., Answered] = plain
) -> Callable[[Asked], Answered]:
    """``small`` answers in ``words``; whoever is asked for a second opinion gives ``opinion``."""

    def answer(asked: Asked) -> Answered:
        if asked.model == "other" or asked.json["messages"][-1]["content"] == "Right?":
            return opinion
        said = words if asked.model == "small" else "billing"
        return (
            plain(asked.model, said)
            if make is plain
            else make(asked.model, tuple(f"{w} " for w in said.split()))
        )

    return answer


@pytest.mark.parametrize(
    ("words", "p", "asked", "decision", "reason"),
    [
        ("one", None, ["small"], "accepted", "passed"),
        ("one two three", 0.9, ["small", "small"], "accepted", "passed"),
        ("one two three", 0.5, ["small", "small", "large"], "escalated", "self-check score 0.503"),
        ("one two three four five", None, ["small", "large"], "escalated", "score 0.500 is above"),
    ],
)
def test_a_self_check_is_asked_for_in_doubt_only_and_decides(
    start: Start,
    upstream: Upstream,
    words: str,
    p: float | None,
    asked: list[str],
    decision: str,
    reason: str,
) -> None:
    gateway = start(SELF_CHECK)
    upstream.answer = answering(words, plain("small", "Yes", logprobs=sure(p or 0.5)))
    body = chat_body(temperature=0.7, response_format={"type": "text"}, stop=["x"], n=1)
    got = gateway.chat(body, "triage")
    assert [a.model for a in upstream.asked] == asked
    assert got.said("decision") == decision
    assert str(got.said("reason")).startswith(reason)
    (call,) = gateway.calls(1)
    assert (
        call.cost_usd is not None and sum(a.cost_usd or 0 for a in call.attempts) == call.cost_usd
    )
    assert float(got.said("cost-usd") or 0) == pytest.approx(call.cost_usd)
    assert call.cost_usd == pytest.approx(sum({"small": 2e-4, "large": 2e-3}[m] for m in asked))
    if p is not None:
        checked, attempt = upstream.asked[1].json, call.attempts[1]
        assert checked["messages"] == [
            *body["messages"],
            {"role": "assistant", "content": words},
            {"role": "user", "content": "Right?"},
        ]
        assert (checked["max_tokens"], checked["top_logprobs"]) == (1, ALTERNATIVES)
        assert "stop" not in checked and "response_format" not in checked
        assert (attempt.purpose, attempt.signals["self_check"]) == ("self_check", pytest.approx(p))
        assert attempt.score == pytest.approx(1 - p + 0.003)
    if asked[-1] == "large":
        assert upstream.asked[-1].json == body


@pytest.mark.parametrize("said", ["one two three", "something else"])
def test_a_helper_answers_the_same_request_and_its_agreement_decides(
    start: Start, upstream: Upstream, said: str
) -> None:
    gateway = start(HELPER)
    upstream.answer = answering("one two three", plain("other", said))
    body = chat_body(temperature=0.7, stop=["x"], n=1)
    got = gateway.chat(body, "triage")
    helper = upstream.asked[1]
    assert helper.json == {**{k: v for k, v in body.items() if k != "n"}, "model": "other"}
    agreed = said == "one two three"
    assert got.said("decision") == ("accepted" if agreed else "escalated")
    (call,) = gateway.calls(1)
    assert call.attempts[1].purpose == "helper"
    assert (call.attempts[1].signals["agreement"] == 1.0) is agreed


@pytest.mark.parametrize(
    "fault",
    [
        Answered(b"{}", status=500),
        Answered(b"<html>"),
        Answered(cut=True),
        plain("small", "Perhaps."),
    ],
    ids=["500", "html", "cut", "neither"],
)
def test_a_second_opinion_that_fails_escalates(
    start: Start, upstream: Upstream, fault: Answered
) -> None:
    gateway = start(SELF_CHECK)
    upstream.answer = answering("one two three", fault)
    got = gateway.chat(chat_body(), "triage")
    assert (got.status, got.said("model"), got.said("decision")) == (200, "large", "escalated")
    assert str(got.said("reason")).startswith("self-check")


def test_a_stream_waits_for_the_second_opinion(start: Start, upstream: Upstream) -> None:
    gateway = start(SELF_CHECK, "serve: {heartbeat_s: 0.05}")
    slow = plain("small", "Yes", logprobs=sure(0.9))
    slow.wait_s = 0.2
    upstream.answer = answering("one two three", slow, stream)
    with gateway.client() as client:
        chunks = list(
            client.chat.completions.create(
                model="large",
                messages=[{"role": "user", "content": "x"}],
                stream=True,
                extra_headers={"x-downroute-task": "triage"},
            )
        )
    assert (
        "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "one two three "
    )
    assert "stream" not in upstream.asked[1].json
    (call,) = gateway.calls(1)
    assert [a.purpose for a in call.attempts] == ["answer", "self_check"]


REFUSAL = b'{"error": {"message": "logprobs are not supported", "code": "unsupported"}}'


def test_a_self_check_does_without_probabilities_where_they_are_refused(
    start: Start, upstream: Upstream
) -> None:
    gateway = start(SELF_CHECK)

    def answer(asked: Asked) -> Answered:
        if asked.json.get("logprobs"):
            return Answered(REFUSAL, status=400)
        return answering("one two three", plain("small", "Yes"))(asked)

    upstream.answer = answer
    for _ in range(2):
        assert gateway.chat(chat_body(), "triage").said("decision") == "accepted"
    assert ["logprobs" in a.json for a in upstream.asked] == [False, True, False, False, False]
    assert [c.attempts[1].signals["self_check"] for c in gateway.calls(2)] == [1.0, 1.0]


LOGPROB = """
version: 1
routes:
  - task: triage
    models: [small, large]
    escalate:
      score: {intercept: 0, mean_logprob: -1, mean_logprob_missing: 0.25}
      impute: {mean_logprob: 0}
      above: 0.5
    unproven: true
"""


@pytest.mark.parametrize("streamed", [True, False])
def test_an_upstream_that_refuses_logprobs_is_asked_without_them(
    start: Start, upstream: Upstream, streamed: bool
) -> None:
    gateway = start(LOGPROB)

    def answer(asked: Asked) -> Answered:
        if asked.json.get("logprobs"):
            return Answered(REFUSAL, status=400)
        return stream(asked.model) if streamed else plain(asked.model)

    upstream.answer = answer
    for _ in range(2):
        got = gateway.chat(chat_body(stream=streamed), "triage")
        assert (got.said("decision"), got.said("model")) == ("accepted", "small")
    assert ["logprobs" in a.json for a in upstream.asked] == [True, False, False]
    assert [c.attempts[0].score for c in gateway.calls(2)] == [0.25, 0.25]
    shown = gateway.chat(chat_body(stream=streamed, logprobs=True), "triage")
    assert shown.said("decision") == "fallback", "what the client asks for is not taken away"
