"""A model that is not the version any more that a route was measured with.

The first reply that says so has been paid for and is sent; from then on the route's requests stay
on its baseline until another policy is served. In memory, for this process.
"""

from __future__ import annotations

import dataclasses
import logging
from typing import Final

from downroute.gateway.log_lines import say
from downroute.gateway.plan import Plan
from downroute.records import Attempt, Decision, Purpose
from downroute.routing.conversation import only
from downroute.routing.measured_on import measured_versions

_ANSWER: Final = Purpose.ANSWER
Key = tuple[str | None, str]
"""A policy's digest, a route's task."""


class Versions:
    """Which routes' evidence has been outlived by their models."""

    def __init__(self) -> None:
        self._changed: dict[Key, str] = {}

    def plan(self, plan: Plan) -> Plan:
        """``plan``, or the baseline where the route's evidence is of another version."""
        if not self._changed or not plan.routed:
            return plan
        reason = self._changed.get((plan.policy_digest, plan.route.task))
        if reason is None:
            return plan
        stays = dataclasses.replace(only(plan.route, plan.route.baseline), fallback=None)
        return plan.on(stays, reason, Decision.PASSTHROUGH)

    def see(self, plan: Plan, attempt: Attempt) -> None:
        """Compare the version that answered with those that were measured."""
        if not plan.routed or attempt.snapshot is None or attempt.purpose is not _ANSWER:
            return
        known = measured_versions(plan.route).get(attempt.model)
        if known is None or attempt.snapshot in known or attempt.model == plan.route.baseline:
            return
        key = (plan.policy_digest, plan.route.task)
        if key not in self._changed:
            measured = ", ".join(sorted(known))
            self._changed[key] = (
                f"{attempt.model} is {attempt.snapshot} now, measured was {measured}; "
                "run `downroute study` again"
            )
            say(
                logging.WARNING,
                "model changed",
                task=plan.route.task,
                model=attempt.model,
                measured=measured,
                now=attempt.snapshot,
            )
