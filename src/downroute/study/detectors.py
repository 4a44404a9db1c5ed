"""Checks and signals as detectors of the answers that would gain by being escalated. Pure.

None serves before it was graded on the measured answers. A check rejects for good what fails it, so
those that a request does not bring itself are taken only where they pay: told on the pilot, before
anything is tested.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from downroute.records import CheckSpec, Json, Route
from downroute.routing.cascade import signals_of
from downroute.routing.checks import BY_REQUEST
from downroute.routing.signals import CHECK, PAID
from downroute.stats.detector import auroc, graded
from downroute.study.options import pilot_size
from downroute.study.trial import Array, Trial

OPTIONAL = ("not_empty", "not_refusal", "not_truncated")
"""Checks that suit every task and may be added to a cascade."""
FEWEST_FLAGGED = 3
"""Failed answers of the pilot below which nothing is told of a check."""


@dataclass(frozen=True, slots=True)
class Graded:
    """One detector. ``applies`` is the share of answers it says something of. A check flags what
    fails it; a signal, by itself, the riskiest answers, as many as the cascade escalates.
    ``recall`` is the share found of the answers that would gain, ``false_alarms`` the share
    flagged of the others, ``auroc`` below 0.5 says that a low value is the warning; ``None`` = not
    known. ``cost_usd`` is the mean of a call, 0 where it is free."""

    name: str
    kind: str
    applies: float
    auroc: float | None
    flagged: float
    recall: float | None
    false_alarms: float | None
    cost_usd: float | None
    serves: bool

    def as_json(self) -> dict[str, Json]:
        """As ``study --json`` prints it and the ledger keeps it."""
        return {
            "name": self.name,
            "kind": self.kind,
            "applies": self.applies,
            "auroc": self.auroc,
            "flagged": self.flagged,
            "recall": self.recall,
            "false_alarms": self.false_alarms,
            "cost_usd": self.cost_usd,
            "serves": self.serves,
        }


def paying_checks(trial: Trial) -> tuple[CheckSpec, ...]:
    """The optional checks whose failed answers would gain more often than others, on the pilot."""
    pilot = trial.take(range(pilot_size(trial)))
    gain = pilot.gain > 0
    found = []
    for name in OPTIONAL:
        outcomes = pilot.signals.get(CHECK + name)
        if outcomes is None:
            continue
        flagged = outcomes == 0.0
        if flagged.sum() >= FEWEST_FLAGGED and gain[flagged].mean() > gain.mean():
            found.append(CheckSpec(name))
    return tuple(found)


def rejecting(trial: Trial, checks: Collection[CheckSpec]) -> Trial:
    """``trial``, whose answers have to pass ``checks`` besides what their requests ask."""
    failed = trial.failed.copy()
    for spec in checks:
        failed |= trial.signals[CHECK + spec.name] == 0.0
    return replace(trial, failed=failed)


def grade_detectors(trial: Trial, share: float, route: Route | None) -> tuple[Graded, ...]:
    """Every check, signal and second opinion that says something of ``trial``: second opinions,
    checks, then signals, each the farthest from chance first. ``share`` is what a signal flags;
    ``route`` the cascade that serves, where one does."""
    serving = _serving(route)
    found = []
    for purpose, paid in trial.paid.items():
        known = paid.usd[np.isfinite(paid.usd)]
        cost = float(known.mean()) if len(known) else None
        found.append(_signal(trial, PAID[purpose], paid.values, share, "second opinion", cost))
    for name, values in trial.signals.items():
        if name.startswith(CHECK):
            found.append(_check(trial, name.removeprefix(CHECK), values))
        else:
            found.append(_signal(trial, name, values, share, "signal", 0.0))
    told = [replace(g, serves=(g.kind, g.name) in serving) for g in found if g is not None]
    kinds = ("second opinion", "check", "signal")
    return tuple(sorted(told, key=lambda g: (kinds.index(g.kind), -_distance(g))))


def _serving(route: Route | None) -> set[tuple[str, str]]:
    if route is None or route.escalate is None:
        return set()
    scores = [route.escalate] + ([] if route.second is None else [route.second.score])
    names = {name for score in scores for name in signals_of(score)}
    paid = set(PAID.values())
    checks = {spec.name for spec in (*route.checks, *BY_REQUEST)}
    return {
        *(("second opinion" if name in paid else "signal", name) for name in names),
        *(("check", name) for name in checks),
        # A check whose outcome the score weighs serves, too.
        *(("check", name.removeprefix(CHECK)) for name in names if name.startswith(CHECK)),
    }


def _check(trial: Trial, name: str, values: Array) -> Graded | None:
    known = np.isfinite(values)
    if not known.any():
        return None
    flagged = values == 0.0
    found = graded(flagged[known].astype(np.float64), (trial.gain > 0)[known], flagged[known])
    return Graded(
        name,
        "check",
        float(known.mean()),
        found.auroc,
        found.flagged,
        found.recall,
        found.false_alarms,
        0.0,
        serves=False,
    )


def _signal(
    trial: Trial, name: str, values: Array, share: float, kind: str, cost: float | None
) -> Graded | None:
    known = np.isfinite(values)
    if not known.any() or values[known].std() <= 0.0:
        return None
    gain, seen = (trial.gain > 0)[known], values[known]
    area = auroc(seen, gain)
    risk = seen if area is None or area >= 0.5 else -seen
    flagged = np.zeros(len(risk), bool)
    flagged[np.argsort(-risk, kind="stable")[: round(share * len(risk))]] = True
    found = graded(risk, gain, flagged)
    return Graded(
        name,
        kind,
        float(known.mean()),
        area,
        found.flagged,
        found.recall,
        found.false_alarms,
        cost,
        serves=False,
    )


def _distance(found: Graded) -> float:
    return 0.0 if found.auroc is None else abs(found.auroc - 0.5)
