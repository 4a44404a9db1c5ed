"""Many rows in one statement."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from downroute.store.statements import execute_many, insert_many


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    opened = sqlite3.connect(":memory:", isolation_level=None)
    opened.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, absent TEXT, text TEXT, number INT)")
    yield opened
    opened.close()


def test_a_column_of_which_no_row_knows_anything_is_left_out_and_null(connection):
    rows = [(1, None, "a", None), (2, None, None, None), (3, None, "c\ud800", 2**70)]
    assert insert_many(connection, "INTO t", ("n", "absent", "text", "number"), rows[:2]) == 2
    assert insert_many(connection, "INTO t", ("n", "absent", "text", "number"), rows[2:]) == 1
    assert connection.execute("SELECT * FROM t").fetchall() == [
        (1, None, "a", None),
        (2, None, None, None),
        (3, None, "c?", None),
    ]
    assert insert_many(connection, "INTO t", ("n",), []) == 0


def test_what_is_there_already_is_not_counted_as_inserted(connection):
    columns = ("n", "text")
    assert insert_many(connection, "OR IGNORE INTO t", columns, [(1, "a"), (2, None)]) == 2
    assert insert_many(connection, "OR IGNORE INTO t", columns, [(2, "b"), (3, None)]) == 1
    assert connection.execute("SELECT n, text FROM t").fetchall() == [
        (1, "a"),
        (2, None),
        (3, None),
    ]


def test_an_integer_beyond_sqlite_s_is_not_known_and_the_other_rows_are_as_they_were(connection):
    rows = [(1, 2**63 - 1), (2, 2**63), (3, -(2**63))]
    assert execute_many(connection, "INSERT INTO t (n, number) VALUES (?, ?)", rows) == 3
    assert connection.execute("SELECT n, number FROM t").fetchall() == [
        (1, 2**63 - 1),
        (2, None),
        (3, -(2**63)),
    ]


@pytest.mark.parametrize("count", [1, 3, 4, 15, 16, 37, 160])
def test_however_many_rows_there_are_each_is_inserted_once(connection, count):
    rows = [(n, f"text {n}" if n % 3 else None, n * n) for n in range(count)]
    rows[-1] = (count - 1, "half \ud800", 2**64)
    assert insert_many(connection, "INTO t", ("n", "text", "number"), rows) == count
    found = connection.execute("SELECT n, text, number FROM t ORDER BY n").fetchall()
    assert found == [*rows[:-1], (count - 1, "half ?", None)]
    again = [*rows, (count, "new", 1)]
    assert insert_many(connection, "OR IGNORE INTO t", ("n", "text", "number"), again) == 1
