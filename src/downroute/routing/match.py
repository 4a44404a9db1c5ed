"""Which route does this request take? A declared task wins; else the fingerprint, if it belongs
to one task only; else none, and the request stays on the model it asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from downroute.records import Json, Policy, Route
from downroute.routing.conditions import condition_value
from downroute.routing.fingerprint import fingerprint
from downroute.routing.measured_on import measured_prompts, prompt_mark

AUTO = "downroute/auto"
ALIAS = "downroute/"


class Match(msgspec.Struct, frozen=True):
    """The route taken, ``None`` = none. ``task`` is the task the request is taken to be of."""

    route: Route | None
    task: str | None
    reason: str


class RouteTable:
    """A policy's routes, indexed for matching one request after another."""

    def __init__(self, policy: Policy):
        self.policy = policy
        self._by_task: dict[str, list[Route]] = {}
        self._by_fingerprint: dict[str, list[Route]] = {}
        self._expires_at: dict[int, float] = {}
        self._prompts: dict[int, frozenset[str]] = {}
        for route in policy.routes:
            self._by_task.setdefault(route.match_task or route.task, []).append(route)
            for mark in route.fingerprints:
                self._by_fingerprint.setdefault(mark, []).append(route)
            expires_at = expiry(route)
            if expires_at is not None:
                self._expires_at[id(route)] = expires_at
            prompts = measured_prompts(route)
            if prompts is not None:
                self._prompts[id(route)] = prompts

    def match(
        self, request: Mapping[str, Json], model: str, declared: str | None, now: float
    ) -> Match:
        """The route for ``request``, sent to ``model``, at Unix second ``now``.

        ``declared`` is the task the client named. A route is taken only by requests for its
        baseline, or for ``downroute/auto`` and ``downroute/TASK``.
        """
        auto = model.startswith(ALIAS)
        if declared is None and auto and model != AUTO:
            declared = model.removeprefix(ALIAS)
        if declared is not None:
            routes = self._by_task.get(declared)
            if not routes:
                return Match(None, declared, f"no route for task '{declared}'")
        else:
            mark = fingerprint(request)
            routes = self._by_fingerprint.get(mark)
            if not routes:
                return Match(None, None, f"no task declared and fingerprint {mark} is in no route")
            if len({r.task for r in routes}) > 1:
                return Match(None, None, f"fingerprint {mark} is in routes of several tasks")
        return self._first_that_holds(routes, request, model, auto, now)

    def _first_that_holds(
        self, routes: list[Route], request: Mapping[str, Json], model: str, auto: bool, now: float
    ) -> Match:
        task = routes[0].task
        reason = ""
        for route in routes:
            if not auto and model != route.baseline:
                reason = f"asked for {model}, which is not the baseline {route.baseline}"
                continue
            if now > self._expires_at.get(id(route), now):
                reason = "the route's evidence has expired"
                continue
            prompts = self._prompts.get(id(route))
            if prompts is not None and prompt_mark(request) not in prompts:
                reason = "its instructions are not those that were measured"
                continue
            outside = outside_of(route, request)
            if outside is None:
                return Match(route, task, "route matched")
            reason = outside
        return Match(None, task, reason)

    def baseline_for(self, task: str | None) -> str | None:
        """The baseline a request of ``task`` belongs to when it asked for no real model."""
        routes = self._by_task.get(task) if task is not None else None
        return routes[0].baseline if routes else self.policy.baseline


def outside_of(route: Route, request: Mapping[str, Json]) -> str | None:
    """Why ``request`` is outside the route's ``when``; ``None`` where it is inside."""
    for name, bounds in route.when.items():
        value = condition_value(name, request)
        if not bounds.holds(value):
            found = value if isinstance(value, str) else f"{value:g}"
            return f"{name} {found} is outside {bounds.told(name)}"
    return None


def expiry(route: Route) -> float | None:
    """The Unix second at which the route's evidence ends (the end of its ``expires`` day, UTC)."""
    stated = (route.evidence or {}).get("expires")
    if stated is None:
        return None
    day = datetime.fromisoformat(str(stated)).replace(tzinfo=UTC)
    return day.timestamp() + 86_400
