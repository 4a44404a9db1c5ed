"""A finished call in the tally. Done by the thread that writes the log, not on the event loop."""

from __future__ import annotations

from downroute.gateway.asking import ERROR_IN_STREAM, NO_COMPLETION
from downroute.gateway.call_in_flight import CANCELLED
from downroute.gateway.call_row import CallRow
from downroute.gateway.escalations import is_escalation
from downroute.gateway.telemetry import metric_names as names
from downroute.gateway.telemetry.known_names import KnownNames
from downroute.gateway.telemetry.tally import Numbers, Tally
from downroute.gateway.upstream import Fault
from downroute.records import Attempt, Call, Decision, Purpose

_RESULTS = {True: "passed", False: "failed", None: "not_applicable"}
_KINDS = {
    **{fault.value: fault.value.replace(" ", "_") for fault in Fault},
    NO_COMPLETION: "no_completion",
    ERROR_IN_STREAM: "error_in_stream",
    CANCELLED: CANCELLED,
}


_MOST_KNOWN = 1000
"""Labels kept of each kind; what clients make up does not fill the memory."""


class Counting:
    """``count`` takes each call once. What counts calls alike is looked up once."""

    def __init__(self, tally: Tally, known: KnownNames) -> None:
        self._tally = tally
        self._known = known
        self._calls: dict[_Alike, _CallSeries] = {}
        self._attempts: dict[tuple[str, Purpose, str, str], _AttemptSeries] = {}

    def count(self, row: CallRow, call: Call) -> None:
        """``call`` is the row's, finished: with its costs."""
        if self._known.refreshed():
            self._calls.clear()
            self._attempts.clear()
        alike = (row.wire.api, call.decision, call.status, call.model, call.task)
        with self._tally.lock:
            numbers = self._tally.numbers
            series = self._calls.get(alike) or self._call_series(numbers, alike)
            series.take(call)
            task = series.task
            if row.usual_usd is not None and call.cost_usd is not None:
                numbers.count(names.SAVED, (task,), row.usual_usd - call.cost_usd)
            judged = False
            for attempt in call.attempts:
                error = "" if attempt.error is None else error_type(attempt)
                key = (attempt.model, attempt.purpose, task, error)
                found = self._attempts.get(key) or self._attempt_series(numbers, key)
                found.take(attempt)
                if attempt.checks or attempt.score is not None:
                    judged = True
            if judged:
                _cascade(numbers, call, task)

    def _call_series(self, numbers: Numbers, alike: _Alike) -> _CallSeries:
        api, decision, status, model, task = alike
        if len(self._calls) >= _MOST_KNOWN:
            self._calls.clear()
        how = (api, decision.value if decision else "none")
        told = self._known.task(task)
        labels = (*how, str(status or 0), self._known.model(model), told)
        made = self._calls[alike] = _CallSeries(numbers, labels, told)
        return made

    def _attempt_series(
        self, numbers: Numbers, key: tuple[str, Purpose, str, str]
    ) -> _AttemptSeries:
        if len(self._attempts) >= _MOST_KNOWN:
            self._attempts.clear()
        made = self._attempts[key] = _AttemptSeries(numbers, self._known, *key)
        return made


_Alike = tuple[str, Decision | None, int | None, str, str | None]
"""API, decision, status, model and task, as the call has them."""


class _CallSeries:
    """What counts calls with the same labels."""

    __slots__ = ("calls", "first_byte", "task", "whole")

    def __init__(self, numbers: Numbers, labels: tuple[str, ...], task: str) -> None:
        self.task = task
        self.calls = numbers.counter(names.CALLS, labels)
        self.whole = numbers.histogram(names.CALL_SECONDS, labels[:2])
        self.first_byte = numbers.histogram(names.FIRST_BYTE_SECONDS, labels[:2])

    def take(self, call: Call) -> None:
        self.calls.add(1.0)
        if call.latency_s is not None:
            self.whole.observe(call.latency_s)
        if call.first_byte_s is not None:
            self.first_byte.observe(call.first_byte_s)


class _AttemptSeries:
    """What counts attempts with the same labels."""

    __slots__ = ("cost", "errors", "first_byte", "input", "output", "unpriced", "whole")

    def __init__(
        self,
        numbers: Numbers,
        known: KnownNames,
        asked: str,
        purpose: Purpose,
        task: str,
        error: str,
    ) -> None:
        model, upstream = known.model(asked), known.upstream(asked)
        labels = (model, upstream, purpose.value, error)
        self.whole = numbers.histogram(names.ATTEMPT_SECONDS, labels)
        self.first_byte = numbers.histogram(names.ATTEMPT_FIRST_BYTE_SECONDS, (model, upstream))
        self.input = numbers.histogram(names.TOKENS, (model, "input"))
        self.output = numbers.histogram(names.TOKENS, (model, "output"))
        self.cost = numbers.counter(names.COST, (model, task, purpose.value))
        self.unpriced = numbers.counter(names.UNPRICED, (model,))
        counted = error and error != CANCELLED
        self.errors = (
            numbers.counter(names.UPSTREAM_ERRORS, (upstream, model, error)) if counted else None
        )

    def take(self, attempt: Attempt) -> None:
        if attempt.latency_s is not None:
            self.whole.observe(attempt.latency_s)
        if attempt.first_byte_s is not None:
            self.first_byte.observe(attempt.first_byte_s)
        usage = attempt.usage
        if usage.input_tokens is not None:
            self.input.observe(usage.input_tokens)
        if usage.output_tokens is not None:
            self.output.observe(usage.output_tokens)
        if self.errors is not None:
            self.errors.add(1.0)
        if attempt.cost_usd is None:
            self.unpriced.add(1.0)
        elif attempt.cost_usd:
            self.cost.add(attempt.cost_usd)


def _cascade(numbers: Numbers, call: Call, task: str) -> None:
    for attempt in call.attempts:
        for check, passed in attempt.checks.items():
            numbers.count(names.CHECKS, (task, check, _RESULTS[passed]))
        if attempt.score is not None and attempt.purpose is Purpose.ANSWER:
            numbers.histogram(names.SCORES, (task,)).observe(attempt.score)
    told = "yes" if len(call.attempts) > 1 and _escalated(call) else "no"
    numbers.count(names.ESCALATED, (task, told))


def _escalated(call: Call) -> bool:
    answers = [at for at, a in enumerate(call.attempts) if a.purpose is Purpose.ANSWER]
    return len(answers) > 1 and any(is_escalation(call.attempts[:at]) for at in answers)


def error_type(attempt: Attempt) -> str:
    """Why an attempt brought no usable answer, in one of few words; empty where it did."""
    if attempt.error is None:
        return ""
    if attempt.status is not None and attempt.status >= 400:
        return str(attempt.status)
    return _KINDS.get(attempt.error.split(":")[0], "other")
