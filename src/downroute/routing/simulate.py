"""A route followed over answers that are known already: what was measured is judged by the very
steps that serve."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from msgspec import structs

from downroute.records import Answer, Attempt, Decision, Json, Purpose, Route
from downroute.routing.cascade import (
    Accept,
    Limits,
    decision,
    is_judged,
    next_step,
    shortfall,
)
from downroute.routing.checks import PYTHON, has_own
from downroute.routing.judging import judged, opinion

Request = Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Heard:
    """What a model said when it was asked: ``attempt`` has cost, latency, usage or the error, and
    not yet what is said of the answer; ``completion`` is the chat completion, ``None`` exactly
    where the attempt failed."""

    attempt: Attempt
    completion: Mapping[str, Json] | None


Hear = Callable[[str, Purpose, Answer | None], Heard]
"""What a model said, by its name and what it was asked for; a self-check is about an answer."""


OwnChecks = Callable[[Route, Sequence[Answer], Request], bool | None]
"""What the user's own checks of a route say of an answer's choices; ``None`` = nothing."""


@dataclass(frozen=True, slots=True)
class Served:
    """How one request would have been served. ``attempts[accepted]`` is the one that is sent."""

    attempts: tuple[Attempt, ...]
    accepted: int
    decision: Decision
    reason: str

    @property
    def model(self) -> str:
        """Who answered."""
        return self.attempts[self.accepted].model

    @property
    def cost_usd(self) -> float | None:
        """What all attempts cost together; ``None`` where one is not known."""
        costs = [a.cost_usd for a in self.attempts]
        return None if None in costs else sum(c for c in costs if c is not None)

    @property
    def latency_s(self) -> float | None:
        """How long the attempts took one after the other; ``None`` where one is not known."""
        times = [a.latency_s for a in self.attempts]
        return None if None in times else sum(t for t in times if t is not None)


NO_LIMITS = Limits()


def simulate(
    route: Route,
    request: Request,
    hear: Hear,
    limits: Limits = NO_LIMITS,
    own: OwnChecks | None = None,
) -> Served:
    """``request`` on ``route``, each model saying what ``hear`` knows it to have said. Without
    ``own`` the user's own checks do not apply."""
    attempts: list[Attempt] = []
    judged_answer: Answer | None = None
    because = ""
    while True:
        step = next_step(route, attempts, limits)
        if isinstance(step, Accept):
            reason = because if step.attempt > 0 and because else step.reason
            how = decision(route, attempts, step.attempt)
            return Served(tuple(attempts), step.attempt, how, reason)
        because = step.reason
        if step.purpose is not Purpose.ANSWER:
            assert route.second is not None and judged_answer is not None
            heard = hear(step.model, step.purpose, judged_answer)
            attempt = heard.attempt
            if heard.completion is not None:
                attempt = opinion(route.second, attempt, heard.completion, judged_answer, request)
            attempts.append(attempt)
            continue
        heard = hear(step.model, step.purpose, None)
        attempt = heard.attempt
        if heard.completion is not None and is_judged(route, attempts, step.model):
            found = judged(route, heard.completion, request)
            judged_answer = found.answers[0]
            attempt = structs.replace(
                attempt, checks=found.checks, signals=found.signals, score=found.score
            )
            if own is not None and has_own(route) and shortfall(route, attempt) is None:
                passed = own(route, found.answers, request)
                attempt = structs.replace(attempt, checks={**attempt.checks, PYTHON: passed})
        attempts.append(attempt)
