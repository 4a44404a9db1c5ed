"""Who answers where the baseline fails, on routes that name somebody."""

from __future__ import annotations

import pytest

from downroute.records import Decision

from .running import Start, wait_until
from .upstream import Answered, Asked, Upstream, chat_body, plain, stream, without_comments

CASCADE = """
version: 1
routes:
  - task: triage
    models: [small, large]
    checks: [{one_of: [bug, other]}]
    fallback: candidate
    unproven: true
"""
KEPT = """
version: 1
routes: [{task: triage, models: [large], fallback: small, unproven: true}]
"""
DOWN = Answered(b'{"error": {"message": "m", "code": "down"}}', status=500)


def only_small(asked: Asked) -> Answered:
    if asked.model != "small":
        return DOWN
    return stream("small") if asked.json.get("stream") else plain("small")


@pytest.mark.parametrize("streamed", [False, True])
def test_the_answer_that_did_not_pass_is_sent_where_the_baseline_fails(
    start: Start, upstream: Upstream, streamed: bool
) -> None:
    gateway = start(CASCADE)
    upstream.answer = only_small
    got = gateway.chat(chat_body(stream=streamed), "triage")
    assert (got.status, got.said("decision"), got.said("model")) == (200, "fallback", "small")
    assert got.said("reason") == (
        "large failed: HTTP 500 (down); falls back to small's answer, which did not pass; "
        "the route is unproven"
    )
    assert b"ling" in without_comments(got.body)
    (call,) = gateway.calls(1)
    assert (call.model, call.decision, call.error) == ("small", Decision.FALLBACK, None)
    assert call.cost_usd == pytest.approx(0.0002)
    assert [(a.model, a.failed) for a in call.attempts] == [("small", False), ("large", True)]


@pytest.mark.parametrize("streamed", [False, True])
def test_a_route_that_stays_on_its_baseline_may_name_who_stands_in(
    start: Start, upstream: Upstream, streamed: bool
) -> None:
    gateway = start(KEPT)
    upstream.answer = only_small
    got = gateway.chat(chat_body(stream=streamed), "triage")
    assert (got.status, got.said("decision"), got.said("model")) == (200, "fallback", "small")
    assert str(got.said("reason")).startswith("large failed: HTTP 500 (down); falls back to small")
    assert [asked.model for asked in upstream.asked] == ["large", "small"]


@pytest.mark.parametrize("how", ["no fallback", "bypass", "off"])
def test_nobody_stands_in_unless_the_policy_in_force_says_so(
    start: Start, upstream: Upstream, how: str
) -> None:
    gateway = start(CASCADE.replace("fallback: candidate", "") if how == "no fallback" else CASCADE)
    upstream.answer = only_small
    if how == "off":
        gateway.policy.with_name("policy.yaml.off").touch()
        wait_until(lambda: bool(gateway.ready()["policy_off"]))
    hints = {"x-downroute-bypass": "1"} if how == "bypass" else {}
    got = gateway.chat(chat_body(), "triage", **hints)
    assert (got.status, got.body) == (500, DOWN.body)
