"""A finished call in the tally. Done by the thread that writes the log, not on the event loop."""

from __future__ import annotations

from downroute.gateway.asking import ERROR_IN_STREAM, NO_COMPLETION
from downroute.gateway.call_in_flight import CANCELLED
from downroute.gateway.call_row import CallRow
from downroute.gateway.escalations import is_escalation
from downroute.gateway.telemetry import metric_names as names
from downroute.gateway.telemetry.known_names import KnownNames
from downroute.gateway.telemetry.tally import Histogram, Numbers, Tally
from downroute.gateway.upstream import Fault
from downroute.records import Attempt, Call, Purpose

_RESULTS = {True: "passed", False: "failed", None: "not_applicable"}
_KINDS = {
    **{fault.value: fault.value.replace(" ", "_") for fault in Fault},
    NO_COMPLETION: "no_completion",
    ERROR_IN_STREAM: "error_in_stream",
    CANCELLED: CANCELLED,
}


class Counting:
    """``count`` takes each call once. The histograms of labels seen before are looked up once."""

    def __init__(self, tally: Tally, known: KnownNames) -> None:
        self._tally = tally
        self._known = known
        self._calls: dict[tuple[str, str], tuple[Histogram, Histogram]] = {}
        self._attempts: dict[tuple[str, str, Purpose, str], _AttemptSeries] = {}

    def count(self, row: CallRow, call: Call) -> None:
        """``call`` is the row's, finished: with its costs."""
        known = self._known
        task = known.task(call.task)
        how = (row.wire.api, call.decision.value if call.decision else "none")
        with self._tally.lock:
            numbers = self._tally.numbers
            numbers.count(
                names.CALLS,
                (*how, str(call.status or 0), known.model(call.model), task),
            )
            series = self._calls.get(how)
            if series is None:
                series = self._calls[how] = (
                    numbers.histogram(names.CALL_SECONDS, how),
                    numbers.histogram(names.FIRST_BYTE_SECONDS, how),
                )
            if call.latency_s is not None:
                series[0].observe(call.latency_s)
            if call.first_byte_s is not None:
                series[1].observe(call.first_byte_s)
            if row.usual_usd is not None and call.cost_usd is not None:
                numbers.count(names.SAVED, (task,), row.usual_usd - call.cost_usd)
            judged = False
            for attempt in call.attempts:
                self._attempt(numbers, attempt, task)
                judged = judged or bool(attempt.checks) or attempt.score is not None
            if judged:
                _cascade(numbers, call, task)

    def _attempt(self, numbers: Numbers, attempt: Attempt, task: str) -> None:
        known = self._known
        model, upstream = known.model(attempt.model), known.upstream(attempt.model)
        error = error_type(attempt)
        key = (model, upstream, attempt.purpose, error)
        series = self._attempts.get(key)
        if series is None:
            series = self._attempts[key] = _AttemptSeries(numbers, *key)
        series.take(attempt)
        if error and error != CANCELLED:
            numbers.count(names.UPSTREAM_ERRORS, (upstream, model, error))
        if attempt.cost_usd is None:
            numbers.count(names.UNPRICED, (model,))
        elif attempt.cost_usd:
            numbers.count(names.COST, (model, task, attempt.purpose.value), attempt.cost_usd)


class _AttemptSeries:
    """The histograms of attempts with the same labels."""

    __slots__ = ("first_byte", "input", "output", "whole")

    def __init__(
        self, numbers: Numbers, model: str, upstream: str, purpose: Purpose, error: str
    ) -> None:
        labels = (model, upstream, purpose.value, error)
        self.whole = numbers.histogram(names.ATTEMPT_SECONDS, labels)
        self.first_byte = numbers.histogram(names.ATTEMPT_FIRST_BYTE_SECONDS, (model, upstream))
        self.input = numbers.histogram(names.TOKENS, (model, "input"))
        self.output = numbers.histogram(names.TOKENS, (model, "output"))

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


def _cascade(numbers: Numbers, call: Call, task: str) -> None:
    for attempt in call.attempts:
        for check, passed in attempt.checks.items():
            numbers.count(names.CHECKS, (task, check, _RESULTS[passed]))
        if attempt.score is not None and attempt.purpose is Purpose.ANSWER:
            numbers.histogram(names.SCORES, (task,)).observe(attempt.score)
    answers = [at for at, a in enumerate(call.attempts) if a.purpose is Purpose.ANSWER]
    escalated = len(answers) > 1 and any(is_escalation(call.attempts[:at]) for at in answers)
    numbers.count(names.ESCALATED, (task, "yes" if escalated else "no"))


def error_type(attempt: Attempt) -> str:
    """Why an attempt brought no usable answer, in one of few words; empty where it did."""
    if attempt.error is None:
        return ""
    if attempt.status is not None and attempt.status >= 400:
        return str(attempt.status)
    return _KINDS.get(attempt.error.split(":")[0], "other")
