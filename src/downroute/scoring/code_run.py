"""Programs run for the scorers: results as data, ends as scores."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from downroute.errors import UsageError
from downroute.records import Json, Score
from downroute.scoring.code_reference import Case
from downroute.scoring.sandbox.guests.values import decode
from downroute.scoring.sandbox.limits import Ended, Limits
from downroute.scoring.sandbox.permission import runs_bare
from downroute.scoring.sandbox.run import Run, run_program
from downroute.scoring.scorer import fail

NO_PROGRAM = "the answer has no Python program"


def limits_of(timeout_s: float, memory_mb: int) -> Limits:
    """Limits with what a user may set.

    Raises:
        UsageError: too little for any program.
    """
    if not 0.1 <= timeout_s <= 600:
        raise UsageError("timeout_s lies between 0.1 and 600 seconds")
    if memory_mb < 64:
        raise UsageError("memory_mb is 64 or more")
    return Limits(wall_s=timeout_s, memory_mb=memory_mb)


class Returned:
    """What one call gave: its value as plain data, or the exception it ended with."""

    def __init__(self, value: Any = None, error: str | None = None):
        self.value = value
        self.error = error


def returned(
    program: str, function: str, cases: Sequence[Case], limits: Limits
) -> list[Returned] | Score:
    """What ``function`` returns in each case; a score where the program did not get that far."""
    calls = [{"args": list(c.args), "kwargs": dict(c.kwargs or {})} for c in cases]
    facts = {"program": program, "entry_point": function, "calls": calls}
    run = run_program(facts, limits, bare=runs_bare())
    if run.ended is not Ended.FINISHED:
        return ended_badly(run)
    try:
        report = json.loads(run.report)
        if "error" in report:
            return error_score(str(report["error"]))
        found = [_returned(entry) for entry in report["values"]]
    except (ValueError, TypeError, KeyError, IndexError, RecursionError):
        return fail(f"{Ended.ERROR}: it ended before its function returned")
    return found if len(found) == len(cases) else fail(f"{Ended.ERROR}: it ended too early")


def printed(program: str, stdin: str, limits: Limits) -> str | Score:
    """What ``program`` prints; a score where it fails."""
    facts: Json = {"program": program, "entry_point": None, "calls": []}
    run = run_program(facts, limits, stdin=stdin, bare=runs_bare())
    return run.stdout if run.ended is Ended.FINISHED else ended_badly(run)


def ended_badly(run: Run) -> Score:
    """The score of a run that left no result: a fault of ours is unscored, the program's own 0."""
    if run.ended is Ended.SANDBOX_FAILURE:
        return Score.unscored(f"{run.ended}: {run.why}")
    if run.why == "MemoryError":
        return error_score(run.why)
    return fail(f"{run.ended}: {run.why}" if run.why else str(run.ended))


def error_score(exception: str) -> Score:
    """The score of a program that ended with an exception."""
    if exception == "MemoryError":
        return fail(str(Ended.OUT_OF_MEMORY))
    return fail(f"{Ended.ERROR}: {exception[:60]}")


def _returned(entry: Any) -> Returned:
    if isinstance(entry, dict):
        return Returned(error=str(entry["error"]))
    return Returned(decode(entry[0], _as_text))


def _as_text(data: Any) -> Any:
    """A value that is no plain data, as it prints."""
    return str(data["text"])
