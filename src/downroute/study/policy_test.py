"""What a policy would have done with requests whose answers are known. Pure.

Every request is matched and every route followed by the functions that serve (`RouteTable.match`,
`simulate`), one request at a time: conversations, limits on escalation and time are not part of it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from downroute.answers.openai_chat import answer_digest, answer_from_completion
from downroute.records import Answer, Decision, Json, Policy, Purpose, Route
from downroute.routing.match import RouteTable
from downroute.routing.simulate import Heard, OwnChecks, simulate

NO_ANSWER = "no answer of {} to it is known"
NO_BASELINE = "no route has its task, so nobody knows which model it asks for; name it --baseline"


@dataclass(frozen=True, slots=True)
class Logged:
    """One request as a client sends it. ``model`` is the model it asks for, ``None`` = that of
    its task's route. ``hear`` is what each model said to it, ``None`` = that is not known;
    ``score`` what a model's answer is worth, in [0, 1]."""

    id: str
    task: str | None
    request: Mapping[str, Json]
    model: str | None
    hear: Callable[[str, Purpose, Answer | None, Route], Heard | None]
    score: Callable[[str, Answer], float | None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one request is served. ``said`` is the identity of the answer that is sent."""

    id: str
    task: str
    decision: Decision
    model: str
    reason: str
    cost_usd: float | None
    latency_s: float | None
    score: float | None
    said: str
    failed: bool
    cascaded: bool
    """Its route has several models, so it could be escalated."""


@dataclass(frozen=True, slots=True)
class PolicyRun:
    """One policy over a log: the outcomes by request id, and what could not be followed."""

    outcomes: Mapping[str, Outcome]
    left_out: Mapping[str, int] = field(default_factory=dict)


class _NotKnownError(Exception):
    """The route asks a model whose answer nobody knows."""


def run_policy(
    policy: Policy | None,
    log: Iterable[Logged],
    *,
    baseline: str | None,
    now: float,
    own: OwnChecks | None = None,
) -> PolicyRun:
    """``log`` served by ``policy`` at Unix second ``now``; without a policy every request goes to
    the model it asks for, ``baseline`` where it names none. ``own`` runs the users' own checks."""
    table = None if policy is None else RouteTable(policy)
    outcomes: dict[str, Outcome] = {}
    left_out: Counter[str] = Counter()
    for logged in log:
        model = logged.model or baseline or (table and table.baseline_for(logged.task))
        if not model:
            left_out[NO_BASELINE] += 1
            continue
        try:
            outcomes[logged.id] = _serve(logged, model, table, now, own)
        except _NotKnownError as unknown:
            left_out[str(unknown)] += 1
    return PolicyRun(outcomes, dict(left_out))


def _serve(
    logged: Logged, model: str, table: RouteTable | None, now: float, own: OwnChecks | None
) -> Outcome:
    route, reason, decision = _stay(model), "no policy", Decision.OBSERVED
    task = logged.task
    routed = False
    if table is not None:
        match = table.match(logged.request, model, logged.task, now)
        task, reason, decision = match.task or task, match.reason, Decision.PASSTHROUGH
        if match.route is not None:
            route, routed = match.route, True

    def hear(asked: str, purpose: Purpose, answer: Answer | None) -> Heard:
        heard = logged.hear(asked, purpose, answer, route)
        if heard is None:
            what = "self-check" if purpose is Purpose.SELF_CHECK else "answer"
            raise _NotKnownError(NO_ANSWER.replace("answer", what).format(asked))
        said[len(said)] = heard
        return heard

    said: dict[int, Heard] = {}
    served = simulate(route, logged.request, hear, own=own)
    sent = said[served.accepted]
    answer = None if sent.completion is None else answer_from_completion(sent.completion)
    return Outcome(
        id=logged.id,
        task=task or "",
        decision=served.decision if routed else decision,
        model=served.model,
        reason=reason if len(served.attempts) == 1 and not routed else served.reason,
        cost_usd=served.cost_usd,
        latency_s=served.latency_s,
        score=None if answer is None else logged.score(served.model, answer),
        said="" if answer is None else answer_digest(answer),
        failed=served.attempts[served.accepted].failed,
        cascaded=len(route.models) > 1,
    )


def _stay(model: str) -> Route:
    return Route(task="", models=(model,), baseline=model)


@dataclass(frozen=True, slots=True)
class Both:
    """The requests that two policies could both be followed on, in the order of the log."""

    first: tuple[Outcome, ...]
    second: tuple[Outcome, ...]

    def by_task(self) -> dict[str, Both]:
        """The same for each task of the first policy, by name."""
        rows: dict[str, list[tuple[Outcome, Outcome]]] = defaultdict(list)
        for pair in zip(self.first, self.second, strict=True):
            rows[pair[0].task].append(pair)
        return {
            task: Both(tuple(a for a, _ in pairs), tuple(b for _, b in pairs))
            for task, pairs in sorted(rows.items())
        }

    def scores(self) -> tuple[list[float], list[float]]:
        """The two policies' scores where the difference is known: both are, or both sent the same
        answer, which then counts alike for both."""
        firsts, seconds = [], []
        for a, b in zip(self.first, self.second, strict=True):
            if a.score is not None and b.score is not None:
                firsts.append(a.score)
                seconds.append(b.score)
            elif a.said == b.said and not a.failed and not b.failed:
                firsts.append(0.0)
                seconds.append(0.0)
        return firsts, seconds


def together(first: PolicyRun, second: PolicyRun) -> Both:
    """The requests both runs have an outcome for."""
    shared = [i for i in first.outcomes if i in second.outcomes]
    return Both(tuple(first.outcomes[i] for i in shared), tuple(second.outcomes[i] for i in shared))


def known(values: Iterable[float | None]) -> list[float]:
    """Those of ``values`` that are known."""
    return [v for v in values if v is not None]


def total(outcomes: Sequence[Outcome]) -> float | None:
    """What ``outcomes`` cost together in USD; ``None`` where one is not known."""
    costs = known(o.cost_usd for o in outcomes)
    return sum(costs) if len(costs) == len(outcomes) else None
