"""The users' own checks on an answer, off the event loop and with a time limit."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from msgspec import structs

from downroute.gateway.call_in_flight import CallInFlight
from downroute.gateway.exchange import Exchange
from downroute.gateway.log_lines import say
from downroute.records import Attempt
from downroute.routing.cascade import shortfall
from downroute.routing.check_arguments import user_function
from downroute.routing.checks import PYTHON, both

if TYPE_CHECKING:
    from downroute.usercode import UserCode

_REPEAT_S = 60.0
"""How often a trouble that lasts is said again."""


class UserChecks:
    """``code`` runs them. What cannot say anything counts as not applicable, and is logged."""

    def __init__(self, code: UserCode | None = None) -> None:
        self._code = code
        self._said: dict[str, float] = {}

    async def judged(self, exchange: Exchange, call: CallInFlight) -> Attempt:
        """The attempt with what the route's ``python`` checks say of its answers. They are not
        run where the answer cannot be accepted anyway."""
        attempt, route = exchange.attempt, call.plan.route
        specs = [spec for spec in route.checks if spec.name == PYTHON]
        if not specs or shortfall(route, attempt) is not None:
            return attempt
        request = dict(call.body)
        code = self._user_code()
        passed: bool | None = None
        for function, timeout_s in (user_function(spec.argument) for spec in specs):
            for answer in exchange.answers:
                verdict = await asyncio.to_thread(code.check, function, timeout_s, answer, request)
                if verdict.fault is not None:
                    self._say(function, verdict.fault)
                passed = both(passed, verdict.passed)
        return structs.replace(attempt, checks={**attempt.checks, PYTHON: passed})

    def close(self) -> None:
        if self._code is not None:
            self._code.close()

    def _user_code(self) -> UserCode:
        if self._code is None:
            # Loaded for the few routes that have such a check.
            from downroute.usercode import UserCode

            self._code = UserCode()
        return self._code

    def _say(self, function: str, fault: str) -> None:
        now = time.monotonic()
        if now - self._said.get(function, -_REPEAT_S) >= _REPEAT_S:
            self._said[function] = now
            say(logging.WARNING, "check cannot tell", function=function, reason=fault)
