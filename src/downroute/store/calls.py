"""The log: every call once, with its attempts, and its words as far as they are kept."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import structs

from downroute.records import Attempt, Call
from downroute.store.bodies import Bodies, BodyRow, Keeping, allowed_error, body_row, keeping
from downroute.store.call_rows import (
    ATTEMPT_COLUMNS,
    BODY_COLUMNS,
    CALL_COLUMNS,
    attempt_from_row,
    attempt_row,
    call_from_row,
    call_row,
    with_body,
)
from downroute.store.database import Database
from downroute.store.missing_costs import Price, fill_missing_costs
from downroute.store.redaction import Redaction
from downroute.store.statements import batches, execute_many, insert_many

if TYPE_CHECKING:
    from downroute.store.summary import CallGroup, KeptCall

_PAGE = 200


class Added(NamedTuple):
    """How many rows were new, and how many were there already and changed nothing."""

    new: int
    known: int


class _CallRows(NamedTuple):
    call: tuple[Any, ...]
    attempts: Sequence[tuple[Any, ...]]
    body: BodyRow | None
    bytes: int


class Calls:
    """The calls of one store."""

    def __init__(self, database: Database, redaction: Redaction) -> None:
        self._database = database
        self._redaction = redaction

    def add(
        self,
        calls: Iterable[Call],
        keep: Bodies | str | Keeping = Bodies.FULL,
        *,
        at: float | None = None,
    ) -> Added:
        """Add the calls whose id is not known yet, in one transaction per 1000.

        ``calls`` is consumed lazily. ``keep`` says what of their words is kept; ``at`` (Unix
        seconds, now where it is left out) is since when. An error raised by ``calls`` itself
        passes through after what came before it has been written.
        """
        kept = keeping(keep)
        rows = (self._rows(call, kept.of(call.task), at) for call in calls)
        new = known = 0
        for batch in batches(rows, weight=_BYTES):
            with self._database.writing() as connection:
                added = _insert(connection, batch)
            new += added
            known += len(batch) - added
        return Added(new, known)

    def retell(self, ids: Collection[str], *, status: int, error: str) -> None:
        """Correct how the calls ended for whoever made them."""
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE calls SET status = ?, error = ? "
                "WHERE id IN (SELECT value FROM json_each(?))",
                (status, error, json.dumps(list(ids))),
            )

    def each(
        self,
        *,
        task: str | None = None,
        models: Collection[str] | None = None,
        since: float | None = None,
        ids: Collection[str] | None = None,
        with_bodies: bool = False,
    ) -> Iterator[Call]:
        """The calls in the order they were added, attempts included.

        ``since`` leaves out calls that started earlier, and those without a time. Calls added
        meanwhile do not appear. No transaction stays open between two calls.
        """
        last, end = 0, self._last()
        statement, values = _selection(task, models, since, ids, with_bodies)
        while True:
            with self._database.reading() as connection:
                page = connection.execute(statement, (*values, last, end, _PAGE)).fetchall()
                attempts = _attempts(connection, [row[0] for row in page])
            for row in page:
                call = call_from_row(row[1 : 1 + len(CALL_COLUMNS)])
                found = attempts.get(row[0])
                if found:
                    call = structs.replace(call, attempts=tuple(found))
                yield with_body(call, row[1 + len(CALL_COLUMNS) :]) if with_bodies else call
            if len(page) < _PAGE:
                return
            last = page[-1][0]

    def count(self) -> int:
        with self._database.reading() as connection:
            return int(connection.execute("SELECT count(*) FROM calls").fetchone()[0])

    def summary(self, *, since: float | None = None) -> list[CallGroup]:
        """Calls, tokens and cost by task, fingerprint and model, largest group first."""
        from downroute.store import summary

        with self._database.reading() as connection:
            return summary.summary(connection, since)

    def fill_missing_costs(self, price: Price) -> int:
        """Price the calls and attempts that have tokens but no cost; how many calls got one."""
        return fill_missing_costs(self._database, price)

    def content_sample(self, *, per_task: int, most: int) -> list[KeptCall]:
        """Up to ``per_task`` calls with content of each task, ``most`` in all."""
        from downroute.store import summary

        with self._database.reading() as connection:
            return summary.content_sample(connection, per_task, most)

    def _rows(self, call: Call, keep: Bodies, at: float | None) -> _CallRows:
        redaction = self._redaction
        body = body_row(call, keep, redaction)
        personal = body or call.error or call.subject or call.session or call.request_id
        since = (time.time() if at is None else at) if personal else None
        error = None if call.error is None else allowed_error(call.error, keep, redaction)
        attempts = [
            attempt_row(a, None if a.error is None else allowed_error(a.error, keep, redaction))
            for a in call.attempts
        ]
        size = 0 if body is None else body.bytes
        return _CallRows((*call_row(call, error), since), attempts, body, size)

    def _last(self) -> int:
        with self._database.reading() as connection:
            return int(connection.execute("SELECT coalesce(max(n), 0) FROM calls").fetchone()[0])


def _insert(connection: sqlite3.Connection, rows: Sequence[_CallRows]) -> int:
    """Add the calls that are new; how many were. They are numbered here, so that each table takes
    all its rows in one statement."""
    first = int(connection.execute("SELECT coalesce(max(n), 0) + 1 FROM calls").fetchone()[0])
    numbered = list(enumerate(rows, start=first))
    calls = [(n, *row.call) for n, row in numbered]
    inserted = insert_many(connection, "OR IGNORE INTO calls", _CALLS, calls)
    if inserted < len(numbered):
        found = connection.execute("SELECT n FROM calls WHERE n >= ?", (first,))
        new = {n for (n,) in found}
        numbered = [(n, row) for n, row in numbered if n in new]
    attempts = [(n, i, *a) for n, row in numbered for i, a in enumerate(row.attempts)]
    insert_many(connection, "INTO attempts", _ATTEMPTS, attempts)
    bodies = [(n, *row.body) for n, row in numbered if row.body is not None]
    if bodies:
        execute_many(connection, "INSERT INTO bodies VALUES (?, ?, ?, ?, ?, ?, ?, ?)", bodies)
    return inserted


def _selection(
    task: str | None,
    models: Collection[str] | None,
    since: float | None,
    ids: Collection[str] | None,
    with_bodies: bool,
) -> tuple[str, tuple[Any, ...]]:
    """The statement for one page; it takes the values given, then last n, end n and the limit."""
    columns = ", ".join(f"calls.{c}" for c in ("n", *CALL_COLUMNS))
    source = "calls"
    if with_bodies:
        columns += "".join(f", bodies.{c}" for c in BODY_COLUMNS)
        source = "calls LEFT JOIN bodies ON bodies.call = calls.n"
    conditions: list[str] = []
    values: list[Any] = []
    if task is not None:
        conditions.append("task = ?")
        values.append(task)
    if models is not None:
        conditions.append("model IN (SELECT value FROM json_each(?))")
        values.append(json.dumps(list(models)))
    if since is not None:
        conditions.append("started_at >= ?")
        values.append(since)
    if ids is not None:
        conditions.append("id IN (SELECT value FROM json_each(?))")
        values.append(json.dumps(list(ids)))
    where = " AND ".join([*conditions, "n > ? AND n <= ?"])
    return f"SELECT {columns} FROM {source} WHERE {where} ORDER BY n LIMIT ?", tuple(values)


def _attempts(connection: sqlite3.Connection, calls: list[int]) -> dict[int, list[Attempt]]:
    found: dict[int, list[Attempt]] = {}
    for call, *row in connection.execute(_SELECT_ATTEMPTS, (json.dumps(calls),)):
        found.setdefault(call, []).append(attempt_from_row(tuple(row)))
    return found


_BYTES = attrgetter("bytes")
_CALLS = ("n", *CALL_COLUMNS, "words_since")
_ATTEMPTS = ("call", "n", *ATTEMPT_COLUMNS)
_SELECT_ATTEMPTS = (
    f"SELECT call, {', '.join(ATTEMPT_COLUMNS)} FROM attempts "
    "WHERE call IN (SELECT value FROM json_each(?)) ORDER BY call, n"
)
