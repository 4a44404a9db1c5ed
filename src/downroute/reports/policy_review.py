"""PURE: what a valid policy should still be looked at for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from downroute.records import Policy, Route, Streaming
from downroute.routing.match import expiry

SECONDS_PER_DAY = 86_400
SOON_DAYS = 14
"""Evidence that ends within this is worth a new study now."""


@dataclass(frozen=True, slots=True)
class Remark:
    """``route`` is the index of the route it is about."""

    route: int
    words: str


def review(
    policy: Policy,
    now: float,
    *,
    homeless: Callable[[str], str | None],
    bearers: Mapping[str, Collection[str]],
) -> list[Remark]:
    """What may not work as meant, by route, at Unix second ``now``.

    ``homeless`` says why a model cannot be asked as the configuration stands, ``None`` where it
    can. ``bearers`` names the logged tasks of each fingerprint.
    """
    remarks = []
    for index, route in enumerate(policy.routes):
        words = [*_age(route, now), *_standing(route), *_shared(route, bearers)]
        words += [fault for model in route.asked if (fault := homeless(model)) is not None]
        remarks += [Remark(index, w) for w in words]
    return remarks


def expired(route: Route, now: float) -> bool:
    """True once the day is over until which the route's evidence holds."""
    ends_at = expiry(route)
    return ends_at is not None and now > ends_at


def _age(route: Route, now: float) -> list[str]:
    ends_at = expiry(route)
    if route.evidence is None:
        return []
    if ends_at is None:
        return ["its evidence names no `expires` day, so the route never ends by itself"]
    ends = str(route.evidence["expires"])
    if now > ends_at:
        return [
            f"its evidence ended on {ends}: requests stay on {route.baseline} until a new "
            "`downroute study`"
        ]
    days = int((ends_at - now) // SECONDS_PER_DAY)
    if days < SOON_DAYS:
        left = "today" if days == 0 else "in 1 day" if days == 1 else f"in {days} days"
        return [f"its evidence ends on {ends}, {left}: run `downroute study` again"]
    return []


def _standing(route: Route) -> list[str]:
    words = []
    if route.evidence is None and route.models != (route.baseline,):
        words.append("unproven: nothing was measured; replies say so")
    if route.stream is Streaming.DIRECT and len(route.models) > 1:
        words.append(f"streams come from {route.models[0]} unchecked (`stream: direct`)")
    if route.shadow:
        words.append("`shadow` is kept but not acted on by this version")
    return words


def _shared(route: Route, bearers: Mapping[str, Collection[str]]) -> list[str]:
    words = []
    for mark in sorted(route.fingerprints):
        others = sorted(set(bearers.get(mark, ())) - {route.task})
        if others:
            words.append(
                f"fingerprint {mark} is also borne by logged calls of {', '.join(others)}: without "
                f"a declared task they would be routed as {route.task}; remove it"
            )
    return words
