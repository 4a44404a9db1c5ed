"""How ``downroute policy show`` prints a policy."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import typer

from downroute.cli.tables import print_table
from downroute.records import Json, Policy, Route, Streaming
from downroute.reports.display import MISSING, count, share
from downroute.reports.policy_changes import (
    check_words,
    escalate_words,
    limit_words,
    path_words,
    second_words,
    when_words,
)
from downroute.reports.policy_review import expired


def print_policy(path: Path, policy: Policy, *, off: bool, now: float) -> None:
    """One row a route, then what the table has no room for."""
    state = " · OFF: everything goes to the baseline (downroute policy on)" if off else ""
    if not policy.routes:
        typer.echo(f"{path}: no routes{state}")
        return
    print_table(
        f"{path} · digest {policy.digest}{state}",
        ["task", "asks", "in place of", "recognised by", "gap (points)", "margin", "pairs",
         "graded", "saves", "stands until"],
        [_row(route, now) for route in policy.routes],
        numbers=["gap (points)", "margin", "pairs", "graded", "saves"],
    )  # fmt: skip
    for route in policy.routes:
        for line in _further(route):
            typer.echo(f"{route.task}: {line}")


def route_json(route: Route, now: float) -> dict[str, Json]:
    """A route as plain values, with how it stands today."""
    facts = dataclasses.asdict(route)
    return {**facts, "fingerprints": sorted(route.fingerprints), "state": state(route, now)}


def state(route: Route, now: float) -> str:
    """``proven``, ``expired``, ``unproven``, or ``kept`` for a route that changes nothing."""
    if route.models == (route.baseline,):
        return "kept"
    if route.evidence is None:
        return "unproven"
    return "expired" if expired(route, now) else "proven"


def _row(route: Route, now: float) -> list[str]:
    facts: Mapping[str, Json] = route.evidence or {}
    return [
        route.task,
        path_words(route),
        route.baseline,
        _recognised(route),
        _points(facts.get("gap")),
        _margin(facts),
        count(facts.get("examples")),
        count(facts.get("graded")),
        _saving(facts),
        _until(route, facts, now),
    ]


def _recognised(route: Route) -> str:
    name = f"task {route.match_task or route.task}"
    marks = len(route.fingerprints)
    if not marks:
        return name
    return f"{name}, {marks} fingerprint{'s' if marks > 1 else ''}"


def _points(interval: Json) -> str:
    """An interval of scores in points of 100."""
    if not isinstance(interval, list) or len(interval) != 2:
        return MISSING
    return f"[{interval[0] * 100:+.1f}, {interval[1] * 100:+.1f}]"


def _margin(facts: Mapping[str, Json]) -> str:
    margin = facts.get("margin")
    if margin is None:
        return MISSING
    return f"{margin * 100:g}{' % of score' if facts.get('relative') else ''}"


def _saving(facts: Mapping[str, Json]) -> str:
    interval = facts.get("saving_share")
    if not isinstance(interval, list) or len(interval) != 2:
        return MISSING
    return f"{share(interval[0])} to {share(interval[1])}"


def _until(route: Route, facts: Mapping[str, Json], now: float) -> str:
    standing = state(route, now)
    if standing == "unproven":
        return "unproven"
    until = str(facts.get("expires") or MISSING)
    return f"{until} (EXPIRED)" if standing == "expired" else until


def _further(route: Route) -> list[str]:
    lines = []
    if route.when:
        lines.append(f"only when {when_words(route.when)}")
    if route.checks:
        lines.append(f"checks {', '.join(check_words(c) for c in route.checks)}")
    if route.escalate is not None:
        lines.append(f"escalates when {escalate_words(route.escalate)}")
    if route.second is not None:
        lines.append(f"asks a second opinion: {second_words(route.second)}")
    if route.limit is not None:
        lines.append(f"escalates {limit_words(route.limit)}")
    if not route.request_checks:
        lines.append("does not check what requests ask for (request_checks: false)")
    if route.stream is not Streaming.BUFFER:
        lines.append(f"streams {route.stream}")
    if route.fallback is not None:
        lines.append(f"falls back to {route.fallback} where {route.baseline} fails")
    if route.shadow:
        lines.append(f"shadows {share(route.shadow)} of requests")
    return lines
