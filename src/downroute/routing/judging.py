"""What a route's checks, signals and second opinion say of an answer, put on its attempt: live and
in a simulation alike."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from downroute.answers.agreement import agreement
from downroute.answers.openai_chat import answer_from_completion
from downroute.answers.self_check import p_yes
from downroute.records import (
    Answer,
    Attempt,
    CheckSpec,
    Json,
    Purpose,
    Route,
    SecondOpinion,
)
from downroute.routing.cascade import escalation_score, signals_of
from downroute.routing.checks import checks_for, run_checks
from downroute.routing.signals import PAID, needs_alternatives, needs_logprobs, signals

_ALTERNATIVES = 5
"""How many other tokens are asked for; OpenAI allows 20, and each is paid for in bytes."""


def parameters_for_judging(route: Route) -> Mapping[str, Json]:
    """Request parameters without which the route's score could not be told."""
    names = signals_of(route.escalate) if route.escalate else ()
    if route.second is not None:
        names = (*names, *signals_of(route.second.score))
    if not needs_logprobs(names):
        return {}
    if needs_alternatives(names):
        return {"logprobs": True, "top_logprobs": _ALTERNATIVES}
    return {"logprobs": True}


def judged(
    attempt: Attempt, route: Route, completion: Mapping[str, Json], request: Mapping[str, Json]
) -> tuple[Attempt, list[Answer]]:
    """``attempt`` with checks, signals and score, and the answers they are of, the worst first.
    Of several choices (``n``) each has to do: a check passes if it passes on all of them, and the
    score is the worst one's."""
    specs = checks_for(route, request)
    each = [
        (_judged_one(attempt, route, specs, answer, request), answer)
        for i in range(len(completion["choices"]))
        for answer in [answer_from_completion(completion, i)]
    ]
    if len(each) == 1:
        return each[0][0], [each[0][1]]
    each.sort(key=lambda one: -_risk(one[0]))
    attempts = [one for one, _ in each]
    checks = {spec.name: _all_passed(attempts, spec.name) for spec in specs}
    return dataclasses.replace(attempts[0], checks=checks), [answer for _, answer in each]


def opinion(
    second: SecondOpinion,
    attempt: Attempt,
    completion: Mapping[str, Json],
    answer: Answer,
    request: Mapping[str, Json],
) -> Attempt:
    """``attempt``, which brought ``completion``, with its signal beside the free ones of the
    answer it is about, and the second opinion's score."""
    told = answer_from_completion(completion)
    self_check = second.purpose is Purpose.SELF_CHECK
    value = p_yes(told) if self_check else agreement(answer, told)
    paid = PAID[second.purpose]
    free = [name for name in signals_of(second.score) if name != paid]
    found = {**signals(answer, request, free), paid: value}
    attempt = dataclasses.replace(attempt, signals=found)
    return dataclasses.replace(attempt, score=escalation_score(second.score, attempt))


def _judged_one(
    attempt: Attempt,
    route: Route,
    specs: Sequence[CheckSpec],
    answer: Answer,
    request: Mapping[str, Json],
) -> Attempt:
    checks = run_checks(specs, answer, request) if specs else {}
    score = route.escalate
    if score is None:
        return dataclasses.replace(attempt, checks=checks)
    found = signals(answer, request, signals_of(score))
    attempt = dataclasses.replace(attempt, checks=checks, signals=found)
    return dataclasses.replace(attempt, score=escalation_score(score, attempt))


def _risk(attempt: Attempt) -> float:
    """A score that is not known is as bad as any."""
    return float("inf") if attempt.score is None else attempt.score


def _all_passed(each: list[Attempt], check: str) -> bool | None:
    found = [a.checks.get(check) for a in each]
    if False in found:
        return False
    return True if True in found else None
