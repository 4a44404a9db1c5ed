"""PURE: one gateway call in money: what it was charged, and what the baseline would have been.

The counterfactual is measured wherever the baseline answered: its own attempt's cost. Only where a
cheaper model's answer was sent it has to be estimated, from the mean cost the baseline was measured
at (see `spend`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from downroute.records import Attempt, Call, Decision, Policy, Purpose, Route
from downroute.routing.fingerprint import unnamed_task
from downroute.routing.match import ALIAS

UNCHANGED = frozenset({Decision.OBSERVED, Decision.PASSTHROUGH, Decision.BYPASSED})
"""Decisions after which the model that was asked for answered: they cost what they cost."""

SELECTED = frozenset({Decision.ESCALATED, Decision.FALLBACK})
"""Calls that reached the baseline because a cheaper answer did not do: the hard ones, whose costs
say nothing of the others'."""


class Why(StrEnum):
    """Why an attempt's charge, or a call's comparison, is not known."""

    NO_PRICE = "no price for the model"
    NO_TOKENS = "the upstream stated no tokens"
    BROKE_OFF = "broke off before its end"
    FAILED = "the call failed on every model"
    NO_BASELINE = "no baseline is known for it"
    NO_MEAN = "the baseline's mean cost for the task is not known"
    SPEND_UNKNOWN = "what it was charged is not known"


@dataclass(frozen=True, slots=True)
class Account:
    """``spent_usd`` is what all attempts were charged together, ``None`` where one is not known.
    ``baseline_usd`` is the counterfactual where it was measured; ``estimated`` says that it has to
    be estimated; with neither, ``why`` says what is missing. ``candidate_usd`` is the cheaper
    model's own attempt where there was one."""

    task: str
    route: Route | None
    baseline: str | None
    spent_usd: float | None
    baseline_usd: float | None = None
    estimated: bool = False
    why: Why | None = None
    candidate: str | None = None
    candidate_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Policies:
    """The policies that routed the calls, by digest."""

    by_digest: Mapping[str, Policy] = field(default_factory=dict)

    def of(self, call: Call) -> tuple[Policy | None, Route | None]:
        """The policy that was served when the call came, and its route for the call's task."""
        policy = self.by_digest.get(call.policy_digest or "")
        if policy is None:
            return None, None
        routes = [r for r in policy.routes if call.task in (r.task, r.match_task)]
        asked = [a.model for a in attempts(call) if a.purpose is Purpose.ANSWER]
        # A task may have several routes (`when`): the one taken begins with the model asked first.
        taken = (r for r in routes if asked and r.models[0] == asked[0])
        return policy, next(taken, routes[0] if routes else None)


def account(call: Call, policies: Policies) -> Account:
    """The account of one gateway call."""
    policy, route = policies.of(call)
    baseline = _baseline(call, policy, route)
    candidate = None if route is None else candidate_of(route)
    entry = Account(
        task=task_of(call),
        route=route,
        baseline=baseline,
        spent_usd=_total(attempts(call)),
        candidate=candidate,
        candidate_usd=None if candidate is None else _answered_by(candidate, call),
    )
    return _with_counterfactual(entry, call)


def attempts(call: Call) -> tuple[Attempt, ...]:
    """The call's attempts; the call itself where they were not logged one by one."""
    if call.attempts:
        return call.attempts
    alone = Attempt(
        model=call.model,
        status=call.status,
        error=call.error,
        usage=call.usage,
        cost_usd=call.cost_usd,
    )
    return (alone,)


def charge(attempt: Attempt) -> float | None:
    """What one attempt was charged in USD; ``None`` = not known.

    An upstream that refuses with an HTTP error charges nothing. An attempt that broke off may
    have been charged, so nothing is claimed of it.
    """
    if attempt.cost_usd is not None:
        return attempt.cost_usd
    refused = attempt.failed and attempt.status is not None and attempt.status >= 400
    return 0.0 if refused else None


def why_unpriced(attempt: Attempt) -> Why:
    """Why `charge` knows nothing of ``attempt``."""
    if attempt.failed:
        return Why.BROKE_OFF
    usage = attempt.usage
    stated = usage.input_tokens is not None and usage.output_tokens is not None
    return Why.NO_PRICE if stated else Why.NO_TOKENS


def task_of(call: Call) -> str:
    """The call's task; undeclared calls that no route knew go by their fingerprint."""
    return call.task if call.task is not None else unnamed_task(call.fingerprint)


def candidate_of(route: Route) -> str | None:
    """The cheaper model a route is about: the one it asks first, or, where the baseline was kept,
    the other one that was measured."""
    if route.models[0] != route.baseline:
        return route.models[0]
    measured = [m for m in mean_costs(route) if m != route.baseline]
    return measured[0] if len(measured) == 1 else None


def mean_costs(route: Route) -> Mapping[str, float | None]:
    """The mean costs per call that the route's evidence states, by model."""
    return (route.evidence or {}).get("mean_cost_usd") or {}


def answer_cost(call: Call) -> float | None:
    """What the attempt whose answer was sent was charged, without what else was asked."""
    answers = [a for a in _answers(call) if a.purpose is Purpose.ANSWER]
    return charge(answers[-1]) if answers else None


def _with_counterfactual(entry: Account, call: Call) -> Account:
    if call.decision in UNCHANGED:
        own = _total(a for a in attempts(call) if a.purpose is Purpose.ANSWER)
        return replace(entry, baseline_usd=own, why=Why.SPEND_UNKNOWN if own is None else None)
    if entry.baseline is None:
        return replace(entry, why=Why.NO_BASELINE)
    if any(a.model == entry.baseline for a in _answers(call)):
        own = _answered_by(entry.baseline, call)
        return replace(entry, baseline_usd=own, why=Why.SPEND_UNKNOWN if own is None else None)
    if not any(_answers(call)):
        return replace(entry, why=Why.FAILED)
    return replace(entry, estimated=True)


def _baseline(call: Call, policy: Policy | None, route: Route | None) -> str | None:
    if route is not None:
        return route.baseline
    asked = call.requested_model
    if asked is not None and not asked.startswith(ALIAS):
        return asked
    return None if policy is None else policy.baseline


def _answers(call: Call) -> Iterator[Attempt]:
    """The attempts that brought an answer to the request itself, shadows included."""
    wanted = (Purpose.ANSWER, Purpose.SHADOW)
    return (a for a in attempts(call) if a.purpose in wanted and not a.failed)


def _answered_by(model: str, call: Call) -> float | None:
    costs = [charge(a) for a in _answers(call) if a.model == model]
    return costs[-1] if costs else None


def _total(of: Iterator[Attempt] | tuple[Attempt, ...]) -> float | None:
    total = 0.0
    for attempt in of:
        cost = charge(attempt)
        if cost is None:
            return None
        total += cost
    return total
