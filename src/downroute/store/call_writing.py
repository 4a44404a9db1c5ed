"""Calls on their way into the tables."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping, Sequence

from downroute.records import Attempt, Call
from downroute.store.bodies import Bodies, BodyRow, allowed_error, body_row
from downroute.store.call_kinds import CallKinds
from downroute.store.call_rows import (
    ATTEMPT_COLUMNS,
    ROW_COLUMNS,
    Values,
    attempt_row,
    call_row,
    kind_row,
    told_by_its_call,
)
from downroute.store.redaction import Redaction
from downroute.store.statements import execute_many, insert_many


class WrittenCall:
    """One call as its tables take it: ``error`` and ``body`` are what may be kept of it, ``since``
    is since when, and ``only`` the attempt that has no row of its own."""

    __slots__ = ("attempts", "body", "bytes", "call", "error", "only", "since")

    def __init__(self, call: Call, only: Attempt | None, body: BodyRow | None) -> None:
        self.call = call
        self.only = only
        self.body = body
        self.bytes = 0 if body is None else body.bytes
        self.error: str | None = None
        self.since: float | None = None
        self.attempts: list[Values] = []


def written(call: Call, keep: Bodies, redaction: Redaction, at: float | None) -> WrittenCall:
    """What ``keep`` allows to be written of a call; ``at`` (Unix seconds, now where it is left
    out) is since when."""
    body = None if keep is Bodies.NONE else body_row(call, keep, redaction)
    found = WrittenCall(call, told_by_its_call(call), body)
    error = call.error
    if body or error or call.subject or call.session or call.request_id:
        found.since = time.time() if at is None else at
        found.error = None if error is None else allowed_error(error, keep, redaction)
    if found.only is None:
        for a in call.attempts:
            said = None if a.error is None else allowed_error(a.error, keep, redaction)
            found.attempts.append(attempt_row(a, said))
    return found


def insert(
    connection: sqlite3.Connection, calls: Sequence[WrittenCall], kinds: CallKinds
) -> tuple[int, Mapping[Values, int]]:
    """Add the calls that are new; how many were, and the kinds to remember once that is committed.
    They are numbered here, so that each table takes all its rows in one statement."""
    first = int(connection.execute(_NEXT).fetchone()[0])
    wanted = [kind_row(made.call, made.only) for made in calls]
    numbers, fresh = kinds.numbers(connection, wanted)
    rows = [
        call_row(first + i, numbers[i], made.call, made.only, made.error, made.since)
        for i, made in enumerate(calls)
    ]
    inserted = insert_many(connection, "OR IGNORE INTO call_rows", _ROWS, rows)
    apart = [(first + i, call) for i, call in enumerate(calls) if call.attempts or call.body]
    if apart and inserted < len(calls):
        new = {n for (n,) in connection.execute(_SINCE, (first,))}
        apart = [(n, call) for n, call in apart if n in new]
    attempts = [(n, i, *a) for n, call in apart for i, a in enumerate(call.attempts)]
    insert_many(connection, "INTO attempt_rows", _ATTEMPTS, attempts)
    bodies = [(n, *call.body) for n, call in apart if call.body is not None]
    if bodies:
        execute_many(connection, "INSERT INTO bodies VALUES (?, ?, ?, ?, ?, ?, ?, ?)", bodies)
    return inserted, fresh


_NEXT = "SELECT coalesce(max(n), 0) + 1 FROM call_rows"
_SINCE = "SELECT n FROM call_rows WHERE n >= ?"
_ROWS = ("n", "kind", *ROW_COLUMNS)
_ATTEMPTS = ("call", "n", *ATTEMPT_COLUMNS)
