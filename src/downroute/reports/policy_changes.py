"""PURE: what differs between two policies, in words, task by task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from downroute.records import (
    Bounds,
    CheckSpec,
    EscalationLimit,
    Json,
    LinearScore,
    Policy,
    Purpose,
    Route,
    SecondOpinion,
)


@dataclass(frozen=True, slots=True)
class Change:
    """What changes for one task's requests."""

    task: str
    words: str


def changes(old: Policy, new: Policy) -> list[Change]:
    """What serving ``new`` in place of ``old`` changes, in the order of the new file, removed
    routes last. Two policies that serve alike give an empty list whatever their text."""
    before, after = _by_task(old), _by_task(new)
    found = []
    for task, routes in after.items():
        found += [Change(task, w) for w in _route_changes(before.get(task, ()), routes)]
    for task, routes in before.items():
        if task not in after:
            goes_to = ", ".join(dict.fromkeys(r.baseline for r in routes))
            found.append(Change(task, f"no longer routed: requests stay on {goes_to}"))
    if old.baseline != new.baseline:
        words = f"requests for downroute/auto without a route go to {new.baseline or 'nobody'}"
        found.append(Change("(no task)", f"{words} (was: {old.baseline or 'nobody'})"))
    return found


def path_words(route: Route) -> str:
    """The models a route asks, in order."""
    return " → ".join(route.models)


def check_words(spec: CheckSpec) -> str:
    return spec.name if spec.argument is None else f"{spec.name} {spec.argument}"


def when_words(when: Mapping[str, Bounds]) -> str:
    return ", ".join(bounds.told(name) for name, bounds in when.items()) or "always"


def escalate_words(score: LinearScore | None) -> str:
    if score is None:
        return "no score"
    terms = [f"{score.intercept:g}", *(f"{w:+g}·{name}" for name, w in score.weights.items())]
    instead = ", ".join(f"{value:g} for a missing {name}" for name, value in score.impute.items())
    return f"{' '.join(terms)} > {score.above:g}" + (f" ({instead})" if instead else "")


def second_words(second: SecondOpinion | None) -> str:
    """When a second opinion is paid for, and what it decides."""
    if second is None:
        return "none"
    what = "self-check" if second.purpose is Purpose.SELF_CHECK else "helper"
    asked = f", asking {second.prompt!r}" if second.prompt else ""
    return (
        f"{what} by {second.model} where the score is between {second.low:g} and "
        f"{second.high:g}{asked}; then escalates when {escalate_words(second.score)}"
    )


def limit_words(limit: EscalationLimit | None) -> str:
    if limit is None:
        return "none"
    most = [
        f"{value:{form}} {unit}"
        for value, form, unit in (
            (limit.per_minute, "d", "a minute"),
            (limit.per_day, "d", "a day"),
            (limit.per_day_usd, "g", "USD a day"),
        )
        if value is not None
    ]
    return f"at most {', '.join(most)}; then {limit.then}"


def _by_task(policy: Policy) -> dict[str, list[Route]]:
    found: dict[str, list[Route]] = {}
    for route in policy.routes:
        found.setdefault(route.task, []).append(route)
    return found


def _route_changes(old: Sequence[Route], new: Sequence[Route]) -> list[str]:
    if not old:
        return [_new_route(route) for route in new]
    if len(old) != len(new):
        return [f"{len(new)} routes instead of {len(old)}", *(_new_route(r) for r in new)]
    return [w for before, after in zip(old, new, strict=True) for w in _changed(before, after)]


def _new_route(route: Route) -> str:
    inside = f" when {when_words(route.when)}" if route.when else ""
    if route.models == (route.baseline,):
        return f"new route: stays on {route.baseline}{inside}"
    return f"new route: {path_words(route)} in place of {route.baseline}{inside}"


def _fallback(route: Route) -> str:
    return "is sent" if route.fallback is None else f"falls back to {route.fallback}"


def _changed(old: Route, new: Route) -> list[str]:
    words = []
    for what, before, after in (
        ("models", path_words(old), path_words(new)),
        ("baseline", old.baseline, new.baseline),
        ("when", when_words(old.when), when_words(new.when)),
        ("checks", _checks(old), _checks(new)),
        ("escalates", escalate_words(old.escalate), escalate_words(new.escalate)),
        ("second opinion", second_words(old.second), second_words(new.second)),
        ("escalation limit", limit_words(old.limit), limit_words(new.limit)),
        ("streams", str(old.stream), str(new.stream)),
        ("baseline's failure", _fallback(old), _fallback(new)),
        ("shadow", f"{old.shadow:g}", f"{new.shadow:g}"),
        ("declared as", old.match_task or old.task, new.match_task or new.task),
        ("evidence", _evidence(old), _evidence(new)),
    ):
        if before != after:
            words.append(f"{what}: {after} (was: {before})")
    more, fewer = new.fingerprints - old.fingerprints, old.fingerprints - new.fingerprints
    words += [f"now also recognised by fingerprint {mark}" for mark in sorted(more)]
    words += [f"no longer recognised by fingerprint {mark}" for mark in sorted(fewer)]
    return words


def _checks(route: Route) -> str:
    own = ", ".join(check_words(c) for c in route.checks) or "none"
    return own if route.request_checks else f"{own} (not what requests ask for)"


def _evidence(route: Route) -> str:
    facts: Mapping[str, Json] | None = route.evidence
    if facts is None:
        return "none (unproven)"
    until = f", good until {facts['expires']}" if facts.get("expires") else ""
    return f"study {facts['study']}{until}"
