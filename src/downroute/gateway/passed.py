"""One request that is passed through, on its way."""

from __future__ import annotations

import time

from downroute.gateway.headers import OWN, Hints, safe
from downroute.gateway.message import Headers
from downroute.gateway.telemetry.trace_context import Trace
from downroute.records import Attempt, Decision, Purpose


class Passed:
    """``began`` is on the clock of ``time.perf_counter``, ``started_at`` in Unix seconds;
    ``onward`` are the client's headers, ``task`` is the one it declares, ``free`` says that nothing
    is billed. ``attempts`` are the tries in vain, ``noted`` that it is
    logged."""

    __slots__ = (
        "asked_at",
        "attempts",
        "began",
        "free",
        "hints",
        "id",
        "model",
        "noted",
        "onward",
        "started_at",
        "task",
        "timeout_s",
        "trace",
    )

    def __init__(
        self,
        *,
        id: str,
        model: str | None,
        onward: Headers,
        hints: Hints,
        task: str | None,
        free: bool,
        trace: Trace | None,
        began: float,
        started_at: float,
        timeout_s: float,
    ) -> None:
        self.id = id
        self.model = model
        self.onward = onward
        self.hints = hints
        self.task = task
        self.free = free
        self.trace = trace
        self.began = self.asked_at = began
        self.started_at = started_at
        self.timeout_s = timeout_s
        self.attempts: list[Attempt] = []
        self.noted = False

    def begin(self) -> Headers:
        """It is sent from now on, once more where it was before; the headers to send."""
        self.asked_at = time.perf_counter()
        return self.onward if self.trace is None else self.trace.asked(self.onward)

    def in_vain(self, status: int | None, error: str, cost_usd: float | None) -> None:
        """The last try brought nothing, and there will be another."""
        if self.model is not None:
            latency_s = time.perf_counter() - self.asked_at
            self.attempts.append(
                Attempt(
                    self.model,
                    Purpose.RETRIED,
                    status=status,
                    error=error,
                    cost_usd=cost_usd,
                    latency_s=latency_s,
                )
            )

    def time_left_s(self) -> float:
        return self.timeout_s - (time.perf_counter() - self.began)

    def said(self) -> list[tuple[str, str]]:
        """What the client is told in headers."""
        said = [(f"{OWN}call-id", self.id), (f"{OWN}decision", Decision.PASSTHROUGH.value)]
        if self.task is not None:
            said.append((f"{OWN}task", safe(self.task)))
        if self.model:
            said.append((f"{OWN}model", safe(self.model)))
        if self.attempts:
            said.append((f"{OWN}retries", str(len(self.attempts))))
        return said
