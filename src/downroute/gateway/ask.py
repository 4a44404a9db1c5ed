"""What is known of one model being asked, from its start on."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

from downroute.gateway.call_in_flight import CallInFlight
from downroute.gateway.message import Headers
from downroute.records import Attempt, Json, Purpose
from downroute.routing.judging import parameters_for_judging

_now: Final = time.perf_counter


class Ask:
    """``added`` are parameters that the route's score needs and the client did not ask for.
    ``stream``: the reply is asked for as a stream, ``usage``: with its tokens stated.
    ``onward`` are the client's headers."""

    __slots__ = (
        *("added", "began", "call", "judge", "model", "onward", "purpose", "stream", "usage"),
    )

    def __init__(
        self, call: CallInFlight, model: str, judge: bool, purpose: Purpose = Purpose.ANSWER
    ) -> None:
        self.call = call
        self.model = model
        self.judge = judge
        self.purpose = purpose
        self.stream = call.body.stream and purpose is Purpose.ANSWER
        self.usage = True
        self.added: Mapping[str, Json] = {}
        if judge and not call.body.wants_logprobs:
            self.added = parameters_for_judging(call.plan.route)
        self.onward: Headers
        self.begin()

    def begin(self) -> None:
        """The model is asked from now on, once more where it was before."""
        trace = self.call.trace
        self.began = _now()
        self.onward = self.call.onward if trace is None else trace.asked(self.call.onward)

    def elapsed_s(self) -> float:
        return _now() - self.began

    def begun(self, status: int) -> Attempt:
        """The attempt while its stream is still coming."""
        return Attempt(self.model, self.purpose, status=status)

    def failed(self, status: int | None, error: str, cost_usd: float | None) -> Attempt:
        return Attempt(
            self.model,
            self.purpose,
            status=status,
            error=error,
            cost_usd=cost_usd,
            latency_s=self.elapsed_s(),
        )
