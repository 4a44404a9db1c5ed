"""A route followed over answers that are known already."""

from __future__ import annotations

import math

import pytest

from downroute.records import (
    Attempt,
    CheckSpec,
    Decision,
    LinearScore,
    Purpose,
    Route,
    SecondOpinion,
)
from downroute.routing.simulate import Heard, simulate

REQUEST = {"messages": [{"role": "user", "content": "What is it?"}]}
COST = {"small": 1.0, "large": 10.0, "helper": 0.5}


def says(text, logprobs=None):
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": logprobs}
    return {"choices": [choice]}


def sure(p):
    token = {"token": "Yes", "logprob": math.log(p)}
    tops = [token, {"token": "No", "logprob": math.log(1 - p)}]
    return says("Yes", {"content": [{**token, "top_logprobs": tops}]})


def hearing(**answers):
    """Each model says its answer; ``None`` = its upstream failed; a self-check is `small_sure`."""

    def hear(model, purpose, answer):
        name = f"{model}_sure" if purpose is Purpose.SELF_CHECK else model
        said = answers[name]
        error = None if said is not None else "HTTP 500"
        cost = COST[model] if said is not None else 0.0
        attempt = Attempt(model, purpose, error=error, cost_usd=cost, latency_s=1.0)
        return Heard(attempt, says(said) if isinstance(said, str) else said)

    return hear


CASCADE = Route("t", ("small", "large"), "large", checks=(CheckSpec("one_of", ["a", "b"]),))


@pytest.mark.parametrize(
    ("small", "decision", "model", "cost"),
    [
        ("a", Decision.ACCEPTED, "small", 1.0),
        ("neither", Decision.ESCALATED, "large", 11.0),
        (None, Decision.FALLBACK, "large", 10.0),
    ],
)
def test_a_cascade_accepts_escalates_or_falls_back(small, decision, model, cost):
    served = simulate(CASCADE, REQUEST, hearing(small=small, large="b"))
    assert (served.decision, served.model, served.cost_usd) == (decision, model, cost)
    assert served.latency_s == len(served.attempts)


def test_the_last_answer_is_taken_as_it_is_and_where_all_fail_the_failure_is_what_is_served():
    assert simulate(CASCADE, REQUEST, hearing(small="no", large="no")).model == "large"
    failed = simulate(CASCADE, REQUEST, hearing(small=None, large=None))
    assert failed.attempts[failed.accepted].failed


ASKING = Route(
    "t",
    ("small", "large"),
    "large",
    escalate=LinearScore(0.0, {"words_out": 0.1}, 0.35),
    second=SecondOpinion(
        Purpose.SELF_CHECK, "small", 0.15, 0.35, LinearScore(1.0, {"self_check": -1.0}, 0.5), None
    ),
)


@pytest.mark.parametrize(
    ("words", "p", "purposes", "model"),
    [
        ("one", 0.1, ["answer"], "small"),
        ("one two", 0.9, ["answer", "self_check"], "small"),
        ("one two", 0.1, ["answer", "self_check", "answer"], "large"),
        ("one two three four", 0.9, ["answer", "answer"], "large"),
    ],
)
def test_a_second_opinion_is_heard_only_where_the_score_is_in_doubt(words, p, purposes, model):
    served = simulate(ASKING, REQUEST, hearing(small=words, large="b", small_sure=sure(p)))
    assert [a.purpose for a in served.attempts] == purposes
    assert served.model == model


def test_a_second_opinion_that_fails_escalates():
    served = simulate(ASKING, REQUEST, hearing(small="one two", large="b", small_sure=None))
    assert (served.model, served.decision) == ("large", Decision.ESCALATED)


def test_a_model_listed_twice_is_asked_twice():
    route = Route("t", ("small", "small", "large"), "large", checks=CASCADE.checks)
    served = simulate(route, REQUEST, hearing(small="no", large="b"))
    assert [a.model for a in served.attempts] == ["small", "small", "large"]


def test_a_cost_that_is_not_known_is_not_taken_for_nothing():
    def hear(model, purpose, answer):
        return Heard(Attempt(model, purpose), says("a"))

    served = simulate(CASCADE, REQUEST, hear)
    assert served.cost_usd is None and served.latency_s is None
