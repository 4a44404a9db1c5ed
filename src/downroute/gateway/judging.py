"""PURE: what a route's checks and signals say of an answer, put on its attempt."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from downroute.answers.openai_chat import answer_from_completion
from downroute.records import Answer, Attempt, Json, Route
from downroute.routing.cascade import escalation_score
from downroute.routing.checks import checks_for, run_checks
from downroute.routing.signals import needs_alternatives, needs_logprobs, signals

_ALTERNATIVES = 5
"""How many other tokens are asked for; OpenAI allows 20, and each is paid for in bytes."""


def parameters_for_judging(route: Route) -> Mapping[str, Json]:
    """Request parameters without which the route's score could not be told."""
    names = route.escalate.weights if route.escalate else ()
    if not needs_logprobs(names):
        return {}
    if needs_alternatives(names):
        return {"logprobs": True, "top_logprobs": _ALTERNATIVES}
    return {"logprobs": True}


def judged(
    attempt: Attempt, route: Route, completion: Mapping[str, Json], request: Mapping[str, Json]
) -> Attempt:
    """``attempt`` with checks, signals and score. Of several choices (``n``) each has to do: a
    check passes if it passes on all of them, and the score is the worst one's."""
    answers = [answer_from_completion(completion, i) for i in range(len(completion["choices"]))]
    each = [_judged_one(attempt, route, answer, request) for answer in answers]
    worst = max(each, key=_risk)
    checks = {spec.name: _all_passed(each, spec.name) for spec in checks_for(route, request)}
    return dataclasses.replace(worst, checks=checks)


def _judged_one(
    attempt: Attempt, route: Route, answer: Answer, request: Mapping[str, Json]
) -> Attempt:
    attempt = dataclasses.replace(
        attempt, checks=run_checks(checks_for(route, request), answer, request)
    )
    if route.escalate is None:
        return attempt
    names = tuple(route.escalate.weights)
    attempt = dataclasses.replace(attempt, signals=signals(answer, request, names))
    return dataclasses.replace(attempt, score=escalation_score(route.escalate, attempt))


def _risk(attempt: Attempt) -> float:
    """A score that is not known is as bad as any."""
    return float("inf") if attempt.score is None else attempt.score


def _all_passed(each: list[Attempt], check: str) -> bool | None:
    found = [a.checks.get(check) for a in each]
    if False in found:
        return False
    return True if True in found else None
