"""Statements over values that come from outside, and over many rows at once."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain, islice
from typing import Any, TypeVar

from downroute.store.encoding import storable

_BATCH_ROWS = 1000
_BATCH_BYTES = 8 * 2**20
_TOGETHER = (32, 16, 8, 4, 2, 1)
"""Rows of one statement: 999 values are what any SQLite takes, and no table has more than 30
columns."""

T = TypeVar("T")


def execute(
    connection: sqlite3.Connection, statement: str, values: Sequence[Any]
) -> sqlite3.Cursor:
    """Run a statement whose values come from outside and may hold text that is no UTF-8, and
    integers of any size."""
    try:
        return connection.execute(statement, values)
    except (UnicodeEncodeError, OverflowError):
        return connection.execute(statement, storable(values))


def execute_many(
    connection: sqlite3.Connection, statement: str, rows: Sequence[Sequence[Any]]
) -> int:
    """Run a statement once for each row, all of them or none, as `execute` does; how many rows
    were changed."""
    return _all_or_none(
        connection, rows, lambda taken: connection.executemany(statement, taken).rowcount
    )


def insert_many(
    connection: sqlite3.Connection, into: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> int:
    """Insert ``rows`` as `execute_many` does. A column of which no row knows anything is left out:
    a ``None`` takes the module longer than three numbers, for it looks for somebody who adapts
    it."""
    known = [
        (name, values)
        for name, values in zip(columns, zip(*rows, strict=True), strict=False)
        if values[0] is not None or values.count(None) < len(values)
    ]
    if not known:
        return 0
    names = tuple([name for name, _ in known])
    found = list(zip(*[values for _, values in known], strict=True))
    return _all_or_none(connection, found, lambda taken: _inserted(connection, into, names, taken))


def _inserted(
    connection: sqlite3.Connection,
    into: str,
    columns: tuple[str, ...],
    rows: Sequence[Sequence[Any]],
) -> int:
    """Some rows a statement: for each the module lets go of the interpreter, and where an event
    loop is at work it has to wait until it gets it back."""
    changed = done = 0
    for size in _TOGETHER:
        while len(rows) - done >= size:
            values = tuple(chain.from_iterable(rows[done : done + size]))
            changed += connection.execute(_insertion(into, columns, size), values).rowcount
            done += size
    return changed


@lru_cache(maxsize=128)
def _insertion(into: str, columns: tuple[str, ...], rows: int) -> str:
    places = f"({', '.join('?' * len(columns))})"
    return f"INSERT {into} ({', '.join(columns)}) VALUES {', '.join([places] * rows)}"


def _all_or_none(
    connection: sqlite3.Connection,
    rows: Sequence[Sequence[Any]],
    work: Callable[[Sequence[Sequence[Any]]], int],
) -> int:
    """What ``work`` says of ``rows``; where they hold what SQLite does not, of what it holds of
    them. Either all of its work is done or none."""
    connection.execute("SAVEPOINT rows")
    try:
        changed = work(rows)
    except (UnicodeEncodeError, OverflowError):
        connection.execute("ROLLBACK TO rows")
        changed = work([storable(row) for row in rows])
    connection.execute("RELEASE rows")
    return changed


def batches(items: Iterable[T], weight: Callable[[T], int] | None = None) -> Iterator[list[T]]:
    """``items`` in lists of up to 1000, shorter where their ``weight`` in bytes adds up.

    An error of ``items`` itself comes after the list gathered before it, so that what was read
    is written before the error is seen.
    """
    iterator = iter(items)
    while True:
        batch: list[T] = []
        size = 0
        try:
            for item in islice(iterator, _BATCH_ROWS):
                batch.append(item)
                size += weight(item) if weight else 0
                if size >= _BATCH_BYTES:
                    break
        except (Exception, KeyboardInterrupt):
            if batch:
                yield batch
            raise
        if not batch:
            return
        yield batch
