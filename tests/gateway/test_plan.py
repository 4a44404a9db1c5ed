"""Which route a request takes, and why."""

from __future__ import annotations

import json
from typing import Any

import pytest

from downroute.gateway.chat_body import ChatBody
from downroute.gateway.error_reply import Refusal
from downroute.gateway.headers import Hints, comment, safe, split, to_client, to_upstream
from downroute.gateway.plan import Plan, Serving, plan
from downroute.records import Decision
from downroute.routing.match import RouteTable
from downroute.routing.policy import read_policy

POLICY = """
version: 1
baseline: fallback
routes:
  - {task: triage, match: {task: inbox}, models: [small, large], unproven: true}
  - {task: away, models: [small], baseline: large, unproven: true}
  - task: past
    models: [small]
    baseline: large
    evidence: {study: s, expires: 2020-01-01}
"""
NOW = 1.8e9


def serving(policy: str = POLICY, *, off: bool = False) -> Serving:
    return Serving(RouteTable(read_policy(policy)), off=off)


def planned(state: Serving, model: str = "large", hints: Hints | None = None, **more: Any) -> Any:
    body = ChatBody.read(json.dumps({"model": model, "messages": [], **more}).encode())
    assert isinstance(body, ChatBody)
    return plan(state, body, hints or Hints(), NOW)


def test_without_a_policy_a_request_goes_where_it_is_addressed() -> None:
    found = planned(Serving(), hints=Hints(task="inbox"))
    assert (found.decision, found.route.models, found.task) == (
        Decision.OBSERVED,
        ("large",),
        "inbox",
    )
    assert found.policy_digest is None


def test_a_declared_task_takes_its_route_and_the_header_wins_over_the_body() -> None:
    found = planned(serving(), hints=Hints(task="inbox"), metadata={"task": "away"})
    assert found.routed
    assert (found.route.models, found.task) == (("small", "large"), "triage")
    assert planned(serving(), metadata={"task": "away"}).route.models == ("small",)


@pytest.mark.parametrize(
    ("model", "task", "reason"),
    [
        ("large", None, "no task declared"),
        ("large", "unknown", "no route for task 'unknown'"),
        ("other", "inbox", "asked for other, which is not the baseline large"),
        ("large", "past", "the route's evidence has expired"),
    ],
)
def test_what_no_route_speaks_of_stays_on_its_model(
    model: str, task: str | None, reason: str
) -> None:
    found = planned(serving(), model, Hints(task=task))
    assert (found.decision, found.route.models) == (Decision.PASSTHROUGH, (model,))
    assert reason in found.reason


def test_a_client_can_keep_its_request_on_the_baseline() -> None:
    found = planned(serving(), hints=Hints(task="inbox", bypass=True))
    assert (found.decision, found.route.models) == (Decision.BYPASSED, ("large",))
    assert "bypass" in found.reason


def test_switched_off_everything_goes_to_the_baseline() -> None:
    for model, answering in (
        ("large", "large"),
        ("small", "small"),
        ("downroute/inbox", "large"),
        ("downroute/auto", "fallback"),
    ):
        found = planned(serving(off=True), model)
        assert (found.decision, found.reason) == (Decision.BYPASSED, "policy off")
        assert found.route.models == (answering,)
    assert planned(Serving(off=True)).decision is Decision.BYPASSED


def test_the_gateways_own_model_names_route_by_policy() -> None:
    assert planned(serving(), "downroute/inbox").route.models == ("small", "large")
    assert planned(serving(), "downroute/auto", Hints(task="away")).route.models == ("small",)
    assert planned(serving(), "downroute/past").route.models == ("large",)
    stays = planned(serving(), "downroute/auto")
    assert (stays.decision, stays.route.models) == (Decision.PASSTHROUGH, ("fallback",))


@pytest.mark.parametrize(
    "state", [Serving(), serving(POLICY.replace("baseline: fallback", ""))], ids=["none", "some"]
)
def test_an_own_name_that_leads_to_no_real_model_is_refused(state: Serving) -> None:
    refused = planned(state, "downroute/auto")
    assert isinstance(refused, Refusal)
    assert (refused.status, refused.code) == (404, "model_not_found")
    assert "baseline" in refused.message


def test_a_plan_names_the_policy_it_was_made_by() -> None:
    found = planned(serving())
    assert isinstance(found, Plan)
    assert found.policy_digest == serving().digest


def test_hints_and_what_is_between_two_ends_only_do_not_reach_the_upstream() -> None:
    hints, onward = split(
        [
            ("host", "gateway"),
            ("x-downroute-task", " triage "),
            ("x-downroute-bypass", "1"),
            ("x-downroute-anything", "x"),
            ("x-session-id", "s-1"),
            ("connection", "keep-alive"),
            ("cookie", "a=b"),
            ("x-forwarded-for", "192.0.2.7"),
            ("x-real-ip", "192.0.2.7"),
            ("authorization", "Bearer client"),
            ("openai-organization", "org"),
            ("accept-encoding", "gzip"),
        ]
    )
    assert (hints.task, hints.bypass, hints.session) == ("triage", True, "s-1")
    assert (hints.request_id, hints.key) == (None, None)
    assert onward == [("authorization", "Bearer client"), ("openai-organization", "org")]


def test_what_a_client_names_as_meant_for_the_gateway_only_goes_no_further() -> None:
    hints, onward = split(
        [
            ("connection", "Keep-Alive, X-Debug"),
            ("connection", "x-downroute-task ,x-trace, x-request-id"),
            ("x-debug", "1"),
            ("x-trace", "2"),
            ("x-request-id", "r-1"),
            ("x-downroute-task", "triage"),
            ("user-agent", "u"),
        ]
    )
    assert onward == [("user-agent", "u")]
    assert (hints.task, hints.request_id) == ("triage", "r-1"), "the gateway itself reads them"


def test_what_an_upstream_names_as_meant_for_the_gateway_only_goes_no_further() -> None:
    said = [("connection", "close, X-Node"), ("x-node", "7"), ("x-request-id", "r")]
    assert to_client(said) == [("x-request-id", "r")]


@pytest.mark.parametrize("value", ["", "0", "false", " False "])
def test_a_bypass_that_says_no_is_none(value: str) -> None:
    assert not split([("x-downroute-bypass", value)])[0].bypass


def test_an_upstream_with_its_own_key_never_sees_the_clients() -> None:
    onward = [("authorization", "Bearer client"), ("api-key", "client"), ("user-agent", "u")]
    own = {"authorization": "Bearer own"}
    assert to_upstream(onward, own, own_key=True) == [
        ("user-agent", "u"),
        ("authorization", "Bearer own"),
    ]
    assert to_upstream(onward, {}, own_key=False) == onward


def test_what_an_upstream_says_of_itself_as_a_gateway_is_not_passed_off_as_ours() -> None:
    headers = [("x-downroute-model", "m"), ("content-length", "5"), ("x-request-id", "r")]
    assert to_client(headers) == [("x-request-id", "r")]


def test_whatever_a_header_is_to_say_it_stays_one_line_of_ascii() -> None:
    assert safe("a\r\nset-cookie: x\x00é") == "a set-cookie: x??"
    assert len(safe("x" * 5000)) == 500
    assert comment([("a", "1"), ("b", "2")]) == b": a: 1\n: b: 2\n\n"
    assert comment([]) == b""
