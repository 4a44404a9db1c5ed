"""What to do next on a route: one pure function, served live and simulated on stored answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from downroute.records import (
    Attempt,
    Decision,
    Degrade,
    LinearScore,
    Purpose,
    Route,
    SecondOpinion,
)
from downroute.remembered import Remembered
from downroute.routing.checks import checks_of

# Names of an enumeration are looked up at every use, these once.
_ANSWER: Final = Purpose.ANSWER
_ACCEPTED: Final = Decision.ACCEPTED
_DIRECT: Final = Decision.DIRECT
_ESCALATED: Final = Decision.ESCALATED
_FALLBACK: Final = Decision.FALLBACK

PASSED: Final = "passed"
UNVERIFIED = "unverified"
"""How the reason begins where an answer is sent that should have been escalated."""
OUT_OF_TIME = "no time left to ask another model"
"""How it begins where the time ran out first."""
MISSING = "_missing"
"""What the name of a signal's indicator ends in: 1 where the signal is missing, else 0."""


class Limits(msgspec.Struct, frozen=True):
    """What bounds this request. ``time_left_s``: no further model is asked once it is used up.
    ``escalation``: which of the route's escalation limits is used up, in words; ``None`` = none
    is."""

    time_left_s: float | None = None
    escalation: str | None = None


class Ask(msgspec.Struct, frozen=True):
    """Ask ``model``: with the original request, or, for a self-check, about the latest answer.
    ``reason`` says why the answers so far do not do."""

    model: str
    purpose: Purpose
    reason: str


class Accept(msgspec.Struct, frozen=True):
    """Send ``attempts[attempt]``."""

    attempt: int
    reason: str


def next_step(route: Route, attempts: Sequence[Attempt], limits: Limits) -> Ask | Accept:
    """The next step on ``route`` after ``attempts``, whose checks, signals and score stand on each.

    The models are asked in order until an answer passes. The last model's answer is accepted as
    it is. An upstream failure is a failed attempt, so fallback and escalation are one mechanism;
    after a route's own models have all failed its baseline is asked, because no answer is lost
    to save money.
    """
    if not attempts:
        return _first(route, limits)
    if len(attempts) == 1 and attempts[0].purpose is _ANSWER:
        answers = [0]
    else:
        answers = [i for i, a in enumerate(attempts) if a.purpose is _ANSWER]
    if not answers:
        return _first(route, limits)
    latest = answers[-1]
    if _is_last(route, attempts, answers):
        return _after_the_last(route, attempts, answers, limits)
    verdict = _judge(route, attempts, latest, len(answers))
    if verdict is None:
        return Accept(latest, PASSED)
    if limits.time_left_s is not None and limits.time_left_s <= 0:
        return _best_so_far(attempts, answers, verdict.reason)
    if limits.escalation and _then(route) is Degrade.ACCEPT and not attempts[latest].failed:
        return Accept(latest, f"{UNVERIFIED}: {verdict.reason}; {limits.escalation}")
    return verdict


def is_judged(route: Route, attempts: Sequence[Attempt], model: str) -> bool:
    """Whether the answer of ``model``, asked next after ``attempts``, will have to pass: it is
    asked in its turn, and another one stands behind it."""
    models = route.models
    if not attempts:
        return len(models) > 1 and models[0] == model
    asked = sum([a.purpose is _ANSWER for a in attempts])
    return asked + 1 < len(models) and models[asked] == model


def _judge(route: Route, attempts: Sequence[Attempt], index: int, asked: int) -> Ask | None:
    """What ``attempts[index]``, the answer of the ``asked``-th model, not the last, asks for: the
    next model, a second opinion on it, or nothing, where it can be accepted."""
    attempt = attempts[index]
    wanting = shortfall(route, attempt)
    if wanting is not None:
        return Ask(route.models[asked], _ANSWER, wanting)
    second = route.second
    if second is None or attempt.score is None or attempt.score <= second.low:
        return None
    opinion = next((a for a in attempts[index + 1 :] if a.purpose is second.purpose), None)
    if opinion is None:
        band = f"score {attempt.score:.3f} is between {second.low:g} and {second.high:g}"
        return Ask(second.model, second.purpose, band)
    objection = _objection(second, opinion)
    return None if objection is None else Ask(route.models[asked], _ANSWER, objection)


def shortfall(route: Route, attempt: Attempt) -> str | None:
    """Why ``attempt`` cannot be accepted whatever a second opinion would say; ``None`` = it
    can, as far as checks and free signals tell."""
    if attempt.error is not None:
        return f"{attempt.model} failed: {attempt.error}"
    if False in attempt.checks.values():
        for spec in checks_of(route):
            if attempt.checks.get(spec.name) is False:
                return f"check {spec.name} failed"
    if route.escalate is None:
        return None
    above = route.escalate.above if route.second is None else route.second.high
    return _too_high(route.escalate, above, attempt, "score")


def escalation_score(score: LinearScore, attempt: Attempt) -> float | None:
    """``intercept + Σ weight·signal``; ``None`` where a signal is missing and not imputed."""
    return linear_score(score, attempt.signals)


def linear_score(score: LinearScore, signals: Mapping[str, float | None]) -> float | None:
    """`escalation_score` of signals that stand on no attempt yet."""
    total = score.intercept
    for name, weight, stand_in, marks in _terms_of(score):
        value = signals.get(name)
        if marks is not None:
            value = 1.0 if signals.get(marks) is None else 0.0
        elif value is None:
            value = stand_in
            if value is None:
                return None
        total += weight * value
    return total


class _Term(NamedTuple):
    """``stand_in`` counts where the signal is missing; ``marks`` is the signal whose being missing
    an indicator tells."""

    name: str
    weight: float
    stand_in: float | None
    marks: str | None


def _read_terms(score: LinearScore) -> Sequence[_Term]:
    return [
        _Term(
            name,
            weight,
            score.impute.get(name),
            name.removesuffix(MISSING) if name.endswith(MISSING) else None,
        )
        for name, weight in score.weights.items()
    ]


_terms_of = Remembered(_read_terms)


def signals_of(score: LinearScore) -> tuple[str, ...]:
    """The signals ``score`` is summed from; indicators are not read, they follow from these."""
    return _signals_of(score)


def _read_signals(score: LinearScore) -> tuple[str, ...]:
    plain = (n for n in score.weights if not n.endswith(MISSING))
    marked = (n.removesuffix(MISSING) for n in score.weights if n.endswith(MISSING))
    return tuple(dict.fromkeys((*plain, *marked)))


_signals_of = Remembered(_read_signals)


def missing_signal(score: LinearScore, attempt: Attempt) -> str:
    """The first signal of ``score`` that ``attempt`` lacks."""
    signals = attempt.signals
    return next(
        (
            n
            for n in score.weights
            if signals.get(n) is None and _stand_in(score, signals, n) is None
        ),
        "nothing",
    )


def _stand_in(score: LinearScore, signals: Mapping[str, float | None], name: str) -> float | None:
    """What counts for a signal that is missing: its imputed value, or, for an indicator
    (``SIGNAL_missing``), whether its signal is. ``None`` = nothing does."""
    if name.endswith(MISSING):
        return 1.0 if signals.get(name.removesuffix(MISSING)) is None else 0.0
    return score.impute.get(name)


def _too_high(score: LinearScore, above: float, attempt: Attempt, name: str) -> str | None:
    if attempt.score is None:
        return f"{name} unknown: {missing_signal(score, attempt)} is missing"
    # Written so that a score that is no number escalates, too.
    if not attempt.score <= above:
        return f"{name} {attempt.score:.3f} is above {above:g}"
    return None


def _objection(second: SecondOpinion, opinion: Attempt) -> str | None:
    """Why the second opinion speaks against the answer; ``None`` = it does not."""
    name = "self-check" if second.purpose is Purpose.SELF_CHECK else "helper"
    if opinion.failed:
        return f"{name} by {opinion.model} failed: {opinion.error}"
    return _too_high(second.score, second.score.above, opinion, f"{name} score")


def _first(route: Route, limits: Limits) -> Ask:
    if limits.escalation and len(route.models) > 1 and _then(route) is Degrade.BASELINE:
        return Ask(route.models[-1], _ANSWER, f"straight to the baseline: {limits.escalation}")
    return Ask(route.models[0], _ANSWER, "first model of the route")


def _then(route: Route) -> Degrade | None:
    return None if route.limit is None else route.limit.then


def _is_last(route: Route, attempts: Sequence[Attempt], answers: Sequence[int]) -> bool:
    """Whether the latest answer is one that is always accepted: the last model's, or that of a
    model asked out of turn (the last one straight away, or the baseline after all had failed)."""
    asked = len(answers)
    return asked >= len(route.models) or attempts[answers[-1]].model != route.models[asked - 1]


def _after_the_last(
    route: Route, attempts: Sequence[Attempt], answers: Sequence[int], limits: Limits
) -> Ask | Accept:
    latest = attempts[answers[-1]]
    if latest.error is None:
        return Accept(answers[-1], "last model of the route")
    wanting = f"{latest.model} failed: {latest.error}"
    if limits.time_left_s is not None and limits.time_left_s <= 0:
        return _best_so_far(attempts, answers, wanting)
    if all(attempts[i].model != route.baseline for i in answers):
        return Ask(route.baseline, _ANSWER, wanting)
    return _without_the_baseline(route, attempts, answers, wanting)


def _without_the_baseline(
    route: Route, attempts: Sequence[Attempt], answers: Sequence[int], wanting: str
) -> Ask | Accept:
    """Where the baseline has failed: its failure, unless the route names who stands in for it."""
    if route.fallback is None:
        return Accept(answers[-1], wanting)
    usable = [i for i in answers if not attempts[i].failed]
    if usable:
        model = attempts[usable[-1]].model
        return Accept(usable[-1], f"{wanting}; falls back to {model}'s answer, which did not pass")
    if all(attempts[i].model != route.fallback for i in answers):
        return Ask(route.fallback, _ANSWER, f"{wanting}; falls back to {route.fallback}")
    return Accept(answers[-1], wanting)


def decision(route: Route, attempts: Sequence[Attempt], accepted: int) -> Decision:
    """How ``attempts[accepted]`` came to be sent."""
    if len(attempts) > 1:
        if any(a.purpose is _ANSWER for a in attempts[accepted + 1 :]):
            return _FALLBACK
        earlier = [a for a in attempts[:accepted] if a.purpose is _ANSWER]
        if earlier:
            return _FALLBACK if all(a.failed for a in earlier) else _ESCALATED
    models = route.models
    judged = len(models) > 1 and attempts[accepted].model == models[0]
    return _ACCEPTED if judged else _DIRECT


def _best_so_far(attempts: Sequence[Attempt], answers: Sequence[int], wanting: str) -> Accept:
    """The latest answer there is, or the latest failure where there is none."""
    usable = [i for i in answers if not attempts[i].failed]
    return Accept((usable or list(answers))[-1], f"{OUT_OF_TIME}: {wanting}")
