"""What a route's checks, signals and second opinion say of an answer, put on its attempt: live and
in a simulation alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from msgspec import structs

from downroute.answers.openai_chat import answer_from_completion
from downroute.answers.self_check import p_yes
from downroute.records import (
    Answer,
    Attempt,
    CheckSpec,
    Json,
    LinearScore,
    Purpose,
    Route,
    SecondOpinion,
)
from downroute.remembered import Remembered
from downroute.routing.cascade import linear_score, signals_of
from downroute.routing.checks import checks_for, run_checks

if TYPE_CHECKING:
    from downroute.routing.signals import Readers

_ALTERNATIVES = 5
"""How many other tokens are asked for; OpenAI allows 20, and each is paid for in bytes."""


def parameters_for_judging(route: Route) -> Mapping[str, Json]:
    """Request parameters without which the route's score could not be told."""
    names = signals_of(route.escalate) if route.escalate else ()
    if route.second is not None:
        names = (*names, *signals_of(route.second.score))
    if not names:
        return {}
    from downroute.routing.signals import needs_alternatives, needs_logprobs

    if not needs_logprobs(names):
        return {}
    if needs_alternatives(names):
        return {"logprobs": True, "top_logprobs": _ALTERNATIVES}
    return {"logprobs": True}


_NOTHING: Mapping[str, None] = MappingProxyType({})


class Judged:
    """What a route makes of a reply. ``answers`` are its choices, the worst first."""

    __slots__ = ("answers", "checks", "score", "signals")

    def __init__(
        self,
        answers: Sequence[Answer] = (),
        checks: Mapping[str, bool | None] = _NOTHING,
        signals: Mapping[str, float | None] = _NOTHING,
        score: float | None = None,
    ) -> None:
        self.answers = answers
        self.checks = checks
        self.signals = signals
        self.score = score


UNJUDGED = Judged()


def judged(route: Route, completion: Mapping[str, Json], request: Mapping[str, Json]) -> Judged:
    """What ``route`` makes of a completion that has choices. Of several (``n``) each has to do: a
    check passes if it passes on all of them, and the score is the worst one's."""
    specs = checks_for(route, request)
    choices = len(completion["choices"])
    if choices == 1:
        return _judged_one(route, specs, answer_from_completion(completion), request)
    answers = (answer_from_completion(completion, i) for i in range(choices))
    each = [_judged_one(route, specs, answer, request) for answer in answers]
    each.sort(key=lambda one: -_risk(one))
    checks = {spec.name: _all_passed(each, spec.name) for spec in specs}
    said = [one.answers[0] for one in each]
    return Judged(said, checks, each[0].signals, each[0].score)


def opinion(
    second: SecondOpinion,
    attempt: Attempt,
    completion: Mapping[str, Json],
    answer: Answer,
    request: Mapping[str, Json],
) -> Attempt:
    """``attempt``, which brought ``completion``, with its signal beside the free ones of the
    answer it is about, and the second opinion's score."""
    from downroute.routing.signals import PAID, signals

    told = answer_from_completion(completion)
    if second.purpose is Purpose.SELF_CHECK:
        value = p_yes(told)
    else:
        # With what it loads a twentieth of the gateway's start, for the few routes with a helper.
        from downroute.answers.agreement import agreement

        value = agreement(answer, told)
    paid = PAID[second.purpose]
    free = [name for name in signals_of(second.score) if name != paid]
    found = {**signals(answer, request, free), paid: value}
    value = linear_score(second.score, found)
    return structs.replace(attempt, signals=found, score=value)


def _judged_one(
    route: Route, specs: Sequence[CheckSpec], answer: Answer, request: Mapping[str, Json]
) -> Judged:
    checks = run_checks(specs, answer, request) if specs else {}
    score = route.escalate
    if score is None:
        return Judged((answer,), checks)
    # With what it loads a twentieth of the gateway's start, for the routes with a score.
    from downroute.routing.signals import read_signals

    found = read_signals(_readers_of(score), answer, request)
    return Judged((answer,), checks, found, linear_score(score, found))


def _readers(score: LinearScore) -> Readers:
    from downroute.routing.signals import readers

    return readers(signals_of(score))


_readers_of = Remembered(_readers)


def _risk(one: Judged) -> float:
    """A score that is not known is as bad as any."""
    return float("inf") if one.score is None else one.score


def _all_passed(each: list[Judged], check: str) -> bool | None:
    found = [one.checks.get(check) for one in each]
    if False in found:
        return False
    return True if True in found else None
