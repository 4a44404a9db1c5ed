"""What users' own checks say of answers that are known, as the gateway has them run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from downroute.records import Answer, Json, Route
from downroute.routing.check_arguments import user_function
from downroute.routing.checks import PYTHON, both
from downroute.usercode import UserCode


class OwnChecks:
    """``code`` runs them. What cannot say anything counts as not applicable; ``faults`` counts
    why, by check."""

    def __init__(self, code: UserCode) -> None:
        self._code = code
        self.faults: Counter[str] = Counter()

    def __call__(
        self, route: Route, answers: Sequence[Answer], request: Mapping[str, Json]
    ) -> bool | None:
        """Whether all of a route's own checks pass on all choices of an answer."""
        passed: bool | None = None
        for spec in route.checks:
            if spec.name != PYTHON:
                continue
            function, timeout_s = user_function(spec.argument)
            for answer in answers:
                verdict = self._code.check(function, timeout_s, answer, request)
                if verdict.fault is not None:
                    self.faults[f"{function}: {verdict.fault}"] += 1
                passed = both(passed, verdict.passed)
        return passed
