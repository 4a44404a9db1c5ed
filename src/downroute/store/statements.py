"""Statements over values that come from outside, and over many rows at once."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, TypeVar

from downroute.store.encoding import storable

_BATCH_ROWS = 1000
_BATCH_BYTES = 8 * 2**20

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
    connection.execute("SAVEPOINT rows")
    try:
        changed = connection.executemany(statement, rows).rowcount
    except (UnicodeEncodeError, OverflowError):
        connection.execute("ROLLBACK TO rows")
        changed = connection.executemany(statement, [storable(row) for row in rows]).rowcount
    connection.execute("RELEASE rows")
    return changed


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
    statement = _insertion(into, tuple([name for name, _ in known]))
    return execute_many(connection, statement, list(zip(*[v for _, v in known], strict=True)))


@lru_cache(maxsize=128)
def _insertion(into: str, columns: tuple[str, ...]) -> str:
    return f"INSERT {into} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


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
