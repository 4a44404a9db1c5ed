"""A finished call in the tally. Done by the thread that writes the log, not on the event loop."""

from __future__ import annotations

from typing import Any

from downroute.gateway.asking import ERROR_IN_STREAM, NO_COMPLETION
from downroute.gateway.call_in_flight import CANCELLED
from downroute.gateway.call_row import CallRow
from downroute.gateway.escalations import is_escalation
from downroute.gateway.telemetry import metric_names as names
from downroute.gateway.telemetry.known_names import KnownNames
from downroute.gateway.telemetry.tally import Counter, Histogram, Numbers, Tally
from downroute.gateway.upstream import Fault
from downroute.records import Attempt, Call, Purpose

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
        self._attempts: dict[_AttemptAlike, _AttemptSeries] = {}

    def count(self, row: CallRow, call: Call) -> None:
        """``call`` is the row's, finished: with its costs."""
        if self._known.refreshed():
            self._calls.clear()
            self._attempts.clear()
        decision = call.decision
        # An enum's member takes ten times as long to look up as the text it stands for.
        how = "none" if decision is None else decision._value_
        alike = (row.wire.api, how, call.status, call.model, call.task)
        with self._tally.lock:
            numbers = self._tally.numbers
            series = self._calls.get(alike) or self._call_series(numbers, alike)
            series.take(call)
            if row.usual_usd is not None and call.cost_usd is not None:
                series.saved.add(row.usual_usd - call.cost_usd)
            task = series.task
            judged = False
            for attempt in call.attempts:
                error = "" if attempt.error is None else error_type(attempt)
                key = (attempt.model, attempt.purpose._value_, task, error)
                found = self._attempts.get(key) or self._attempt_series(numbers, key)
                found.take(attempt)
                if attempt.checks or attempt.score is not None:
                    series.judge(attempt)
                    judged = True
            if judged:
                escalated = len(call.attempts) > 1 and _escalated(call)
                (series.escalated if escalated else series.enough).add(1.0)

    def _call_series(self, numbers: Numbers, alike: _Alike) -> _CallSeries:
        api, decision, status, model, task = alike
        if len(self._calls) >= _MOST_KNOWN:
            self._calls.clear()
        told = self._known.task(task)
        labels = (api, decision, str(status or 0), self._known.model(model), told)
        made = self._calls[alike] = _CallSeries(numbers, labels, told)
        return made

    def _attempt_series(self, numbers: Numbers, key: _AttemptAlike) -> _AttemptSeries:
        if len(self._attempts) >= _MOST_KNOWN:
            self._attempts.clear()
        made = self._attempts[key] = _AttemptSeries(numbers, self._known, *key)
        return made


_Alike = tuple[str, str, int | None, str, str | None]
"""API, decision, status, model and task, as the call has them."""
_AttemptAlike = tuple[str, str, str, str]
"""Model, purpose, task as it is told, and error."""


class _CallSeries:
    """What counts calls with the same labels."""

    __slots__ = (
        *("_checks", "_numbers", "_scores", "calls", "enough", "escalated"),
        *("first_byte", "saved", "task", "whole"),
    )

    def __init__(self, numbers: Numbers, labels: tuple[str, ...], task: str) -> None:
        self.task = task
        self._numbers = numbers
        self._checks: dict[str, dict[bool | None, Counter]] = {}
        self._scores: Histogram | None = None
        self.calls = numbers.counter(names.CALLS, labels)
        self.whole = numbers.histogram(names.CALL_SECONDS, labels[:2])
        self.first_byte = numbers.histogram(names.FIRST_BYTE_SECONDS, labels[:2])
        self.saved = numbers.counter(names.SAVED, (task,))
        self.escalated = numbers.counter(names.ESCALATED, (task, "yes"))
        self.enough = numbers.counter(names.ESCALATED, (task, "no"))

    def take(self, call: Call) -> None:
        self.calls.add(1.0)
        seconds: Any = call.latency_s
        if seconds is not None:
            self.whole.observe(seconds)
        seconds = call.first_byte_s
        if seconds is not None:
            self.first_byte.observe(seconds)

    def judge(self, attempt: Attempt) -> None:
        """Count what was found of one answer."""
        for check, passed in attempt.checks.items():
            counters = self._checks.get(check) or self._check(check)
            counters[passed].add(1.0)
        score: Any = attempt.score
        if score is not None and attempt.purpose is Purpose.ANSWER:
            if self._scores is None:
                self._scores = self._numbers.histogram(names.SCORES, (self.task,))
            self._scores.observe(score)

    def _check(self, check: str) -> dict[bool | None, Counter]:
        made = self._checks[check] = {
            passed: self._numbers.counter(names.CHECKS, (self.task, check, told))
            for passed, told in _RESULTS.items()
        }
        return made


class _AttemptSeries:
    """What counts attempts with the same labels."""

    __slots__ = ("cost", "errors", "first_byte", "input", "output", "unpriced", "whole")

    def __init__(
        self,
        numbers: Numbers,
        known: KnownNames,
        asked: str,
        purpose: str,
        task: str,
        error: str,
    ) -> None:
        model, upstream = known.model(asked), known.upstream(asked)
        labels = (model, upstream, purpose, error)
        self.whole = numbers.histogram(names.ATTEMPT_SECONDS, labels)
        self.first_byte = numbers.histogram(names.ATTEMPT_FIRST_BYTE_SECONDS, (model, upstream))
        self.input = numbers.histogram(names.TOKENS, (model, "input"))
        self.output = numbers.histogram(names.TOKENS, (model, "output"))
        self.cost = numbers.counter(names.COST, (model, task, purpose))
        self.unpriced = numbers.counter(names.UNPRICED, (model,))
        counted = error and error != CANCELLED
        self.errors = (
            numbers.counter(names.UPSTREAM_ERRORS, (upstream, model, error)) if counted else None
        )

    def take(self, attempt: Attempt) -> None:
        number: Any = attempt.latency_s
        if number is not None:
            self.whole.observe(number)
        number = attempt.first_byte_s
        if number is not None:
            self.first_byte.observe(number)
        usage = attempt.usage
        number = usage.input_tokens
        if number is not None:
            self.input.observe(number)
        number = usage.output_tokens
        if number is not None:
            self.output.observe(number)
        if self.errors is not None:
            self.errors.add(1.0)
        if attempt.cost_usd is None:
            self.unpriced.add(1.0)
        elif attempt.cost_usd:
            self.cost.add(attempt.cost_usd)


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
