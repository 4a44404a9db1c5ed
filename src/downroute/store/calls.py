"""The log: every call once, with its attempts, and its words as far as they are kept."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import structs

from downroute.records import Attempt, Call
from downroute.store.bodies import Bodies, Keeping, keeping
from downroute.store.call_kinds import CallKinds
from downroute.store.call_rows import (
    ATTEMPT_COLUMNS,
    BODY_COLUMNS,
    KIND_COLUMNS,
    ROW_COLUMNS,
    attempt_from_row,
    call_from_rows,
    with_body,
)
from downroute.store.call_writing import insert, written
from downroute.store.database import Database
from downroute.store.missing_costs import Price, fill_missing_costs
from downroute.store.redaction import Redaction
from downroute.store.statements import batches

if TYPE_CHECKING:
    from downroute.store.summary import CallGroup, KeptCall

_PAGE = 200


class Added(NamedTuple):
    """How many rows were new, and how many were there already and changed nothing."""

    new: int
    known: int


class Calls:
    """The calls of one store."""

    def __init__(self, database: Database, redaction: Redaction) -> None:
        self._database = database
        self._redaction = redaction
        self._kinds = CallKinds()

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
        redaction = self._redaction
        rows = (written(call, kept.of(call.task), redaction, at) for call in calls)
        new = known = 0
        for batch in batches(rows, weight=_BYTES):
            with self._database.writing() as connection:
                added, kinds = insert(connection, batch, self._kinds)
            self._kinds.remember(kinds)
            new += added
            known += len(batch) - added
        return Added(new, known)

    def retell(self, ids: Collection[str], *, status: int, error: str) -> None:
        """Correct how the calls ended for whoever made them."""
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE call_rows SET status = ?, error = ? "
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
                call = call_from_rows(row[1:_KIND_AT], row[_KIND_AT:_BODY_AT])
                found = attempts.get(row[0])
                if found:
                    call = structs.replace(call, attempts=tuple(found))
                yield with_body(call, row[_BODY_AT:]) if with_bodies else call
            if len(page) < _PAGE:
                return
            last = page[-1][0]

    def count(self) -> int:
        with self._database.reading() as connection:
            return int(connection.execute("SELECT count(*) FROM call_rows").fetchone()[0])

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

    def _last(self) -> int:
        with self._database.reading() as connection:
            return int(connection.execute(_LAST).fetchone()[0])


def _selection(
    task: str | None,
    models: Collection[str] | None,
    since: float | None,
    ids: Collection[str] | None,
    with_bodies: bool,
) -> tuple[str, tuple[Any, ...]]:
    """The statement for one page; it takes the values given, then last n, end n and the limit."""
    columns = [*(f"call_rows.{c}" for c in ("n", *ROW_COLUMNS))]
    columns += [f"call_kinds.{c}" for c in KIND_COLUMNS]
    source = "call_rows JOIN call_kinds ON call_kinds.n = call_rows.kind"
    if with_bodies:
        columns += [f"bodies.{c}" for c in BODY_COLUMNS]
        source += " LEFT JOIN bodies ON bodies.call = call_rows.n"
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
    where = " AND ".join([*conditions, "call_rows.n > ? AND call_rows.n <= ?"])
    select = f"SELECT {', '.join(columns)} FROM {source} WHERE {where}"
    return f"{select} ORDER BY call_rows.n LIMIT ?", tuple(values)


def _attempts(connection: sqlite3.Connection, calls: list[int]) -> dict[int, list[Attempt]]:
    found: dict[int, list[Attempt]] = {}
    for call, *row in connection.execute(_SELECT_ATTEMPTS, (json.dumps(calls),)):
        found.setdefault(call, []).append(attempt_from_row(tuple(row)))
    return found


_BYTES = attrgetter("bytes")
_KIND_AT = 1 + len(ROW_COLUMNS)
_BODY_AT = _KIND_AT + len(KIND_COLUMNS)
_LAST = "SELECT coalesce(max(n), 0) FROM call_rows"
_SELECT_ATTEMPTS = (
    f"SELECT call, {', '.join(ATTEMPT_COLUMNS)} FROM attempt_rows "
    "WHERE call IN (SELECT value FROM json_each(?)) ORDER BY call, n"
)
