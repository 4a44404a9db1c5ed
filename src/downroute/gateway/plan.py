"""PURE: which route a request takes, and why."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from downroute.gateway.error_reply import Refusal
from downroute.gateway.headers import Hints
from downroute.gateway.wire import Body
from downroute.records import Decision, Route
from downroute.routing.match import ALIAS, AUTO, Match, RouteTable

OFF = "policy off"


@dataclass(frozen=True, slots=True)
class Serving:
    """The policy as it is served at this moment. ``table`` is ``None`` where there is none, and
    the gateway observes. ``fault`` says why the file as it stands now is not what is served."""

    table: RouteTable | None = None
    off: bool = False
    fault: str | None = None

    @property
    def models(self) -> list[str]:
        """Every model the policy names."""
        routes = () if self.table is None else self.table.policy.routes
        return list(dict.fromkeys(m for r in routes for m in r.asked))

    @property
    def digest(self) -> str | None:
        return None if self.table is None else self.table.policy.digest


class Plan:
    """The route of one request; not to be changed. ``decision`` is ``None`` where the route's
    course decides it: then a route of the policy was taken, and the request is ``routed``. ``task``
    is the task the request is taken to be of."""

    __slots__ = ("decision", "policy_digest", "reason", "route", "routed", "task")

    def __init__(
        self,
        route: Route,
        reason: str,
        decision: Decision | None = None,
        task: str | None = None,
        policy_digest: str | None = None,
    ) -> None:
        self.route = route
        self.reason = reason
        self.decision = decision
        self.task = task
        self.policy_digest = policy_digest
        self.routed = decision is None

    def on(self, route: Route, reason: str, decision: Decision | None = None) -> Plan:
        """The same request on another ``route``."""
        return Plan(route, reason, decision, self.task, self.policy_digest)


def plan(serving: Serving, body: Body, hints: Hints, now: float) -> Plan | Refusal:
    """The route for ``body`` at Unix second ``now``; a refusal where no real model is meant, or
    not one of those that the client's key is for."""
    key, declared = hints.key, hints.task or body.task
    if key is None or (key.tasks is None and key.models is None):
        return _chosen(serving, body, hints, declared, now)
    chosen = _chosen(serving, body, hints, key.task(declared, body.model), now)
    if isinstance(chosen, Refusal):
        return chosen
    return key.refusal(body.model, chosen.route.baseline, chosen.task) or chosen


def _chosen(
    serving: Serving, body: Body, hints: Hints, declared: str | None, now: float
) -> Plan | Refusal:
    if serving.table is None:
        if body.model.startswith(ALIAS):
            return _nowhere(body.model, "there is no policy")
        decision = Decision.BYPASSED if serving.off else Decision.OBSERVED
        reason = OFF if serving.off else "no policy"
        return Plan(_stay(body.model), reason, decision, declared)
    match = serving.table.match(body, body.model, declared, now)
    bypassed = OFF if serving.off else "the client asked to bypass routing" if hints.bypass else ""
    if match.route is not None and not bypassed:
        return Plan(match.route, match.reason, None, match.task, serving.digest)
    model = _baseline(serving.table, match, body.model, declared)
    if model is None:
        return _nowhere(body.model, match.reason)
    return Plan(
        _stay(model),
        bypassed or match.reason,
        Decision.BYPASSED if bypassed else Decision.PASSTHROUGH,
        match.task,
        serving.digest,
    )


def _baseline(table: RouteTable, match: Match, model: str, declared: str | None) -> str | None:
    """The model that answers where routing has no say."""
    if not model.startswith(ALIAS):
        return model
    if match.route is not None:
        return match.route.baseline
    if declared is None and model != AUTO:
        declared = model.removeprefix(ALIAS)
    return table.baseline_for(match.task if declared is None else declared)


@lru_cache(maxsize=1024)
def _stay(model: str) -> Route:
    return Route(task="", models=(model,), baseline=model)


def _nowhere(model: str, why: str) -> Refusal:
    message = (
        f"'{model}' leads nowhere: {why}; ask for a model by its name, or add `baseline: MODEL` "
        "to the policy"
    )
    return Refusal(404, message, param="model", code="model_not_found")
