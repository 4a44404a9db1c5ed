"""What to do next on a route: one pure function, served live and simulated on stored answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from downroute.records import Attempt, Decision, LinearScore, Purpose, Route


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds this request. ``time_left_s``: no further model is asked once it is used up."""

    time_left_s: float | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask ``model`` with the original request. ``reason`` says why the answers so far do not do."""

    model: str
    purpose: Purpose
    reason: str


@dataclass(frozen=True, slots=True)
class Accept:
    """Send ``attempts[attempt]``."""

    attempt: int
    reason: str


def next_step(route: Route, attempts: Sequence[Attempt], limits: Limits) -> Ask | Accept:
    """The next step on ``route`` after ``attempts``, whose checks and signals stand on each.

    The models are asked in order until an answer passes. The last model's answer is accepted as
    it is. An upstream failure is a failed attempt, so fallback and escalation are one mechanism;
    after a route's own models have all failed its baseline is asked, because no answer is lost
    to save money.
    """
    answers = [i for i, a in enumerate(attempts) if a.purpose is Purpose.ANSWER]
    if not answers:
        return Ask(route.models[0], Purpose.ANSWER, "first model of the route")
    latest = attempts[answers[-1]]
    last_model = len(answers) >= len(route.models)
    wanting = shortfall(route, latest, judged=not last_model)
    if wanting is None:
        return Accept(answers[-1], "last model of the route" if last_model else "passed")
    if limits.time_left_s is not None and limits.time_left_s <= 0:
        return _best_so_far(attempts, answers, wanting)
    if not last_model:
        return Ask(route.models[len(answers)], Purpose.ANSWER, wanting)
    if all(attempts[i].model != route.baseline for i in answers):
        return Ask(route.baseline, Purpose.ANSWER, wanting)
    return Accept(answers[-1], wanting)


def shortfall(route: Route, attempt: Attempt, *, judged: bool) -> str | None:
    """Why ``attempt`` cannot be accepted; ``None`` = it can. Where it is not ``judged`` (the
    last model of a route), only an upstream failure counts."""
    if attempt.failed:
        return f"{attempt.model} failed: {attempt.error}"
    if not judged:
        return None
    for spec in route.checks:
        if attempt.checks.get(spec.name) is False:
            return f"check {spec.name} failed"
    if route.escalate is not None:
        if attempt.score is None:
            return f"score unknown: {missing_signal(route.escalate, attempt)} is missing"
        # Written so that a score that is no number escalates, too.
        if not attempt.score <= route.escalate.above:
            return f"score {attempt.score:.3f} is above {route.escalate.above:g}"
    return None


def escalation_score(score: LinearScore, attempt: Attempt) -> float | None:
    """``intercept + Σ weight·signal``; ``None`` where a signal is missing."""
    total = score.intercept
    for name, weight in score.weights.items():
        value = attempt.signals.get(name)
        if value is None:
            return None
        total += weight * value
    return total


def missing_signal(score: LinearScore, attempt: Attempt) -> str:
    """The first signal of ``score`` that ``attempt`` lacks."""
    return next((n for n in score.weights if attempt.signals.get(n) is None), "nothing")


def decision(route: Route, attempts: Sequence[Attempt], accepted: int) -> Decision:
    """How ``attempts[accepted]`` came to be sent."""
    earlier = [a for a in attempts[:accepted] if a.purpose is Purpose.ANSWER]
    if not earlier:
        return Decision.DIRECT if len(route.models) == 1 else Decision.ACCEPTED
    if all(a.failed for a in earlier):
        return Decision.FALLBACK
    return Decision.ESCALATED


def _best_so_far(attempts: Sequence[Attempt], answers: Sequence[int], wanting: str) -> Accept:
    """The latest answer there is, or the latest failure where there is none."""
    usable = [i for i in answers if not attempts[i].failed]
    return Accept((usable or list(answers))[-1], f"no time left to ask another model: {wanting}")
