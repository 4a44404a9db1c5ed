"""Rows that could not be used, kept aside with the reason."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from downroute.records import BadRow
from downroute.store.bodies import Bodies, allowed_text
from downroute.store.database import Database
from downroute.store.redaction import Redaction
from downroute.store.statements import batches, execute


class Rejected:
    """The rejected rows of one store, one for each line of a source."""

    def __init__(self, database: Database, redaction: Redaction) -> None:
        self._database = database
        self._redaction = redaction

    def add(self, rows: Iterable[BadRow], keep: Bodies | str = Bodies.FULL) -> int:
        """Keep rows aside, their text as far as ``keep`` allows; how many were given. A line
        rejected before is replaced."""
        keep = Bodies(keep)
        count = 0
        for batch in batches(rows, weight=lambda row: len(row.text)):
            with self._database.writing() as connection:
                for row in batch:
                    text = allowed_text(row.text, keep, self._redaction)
                    values = (row.source, row.line, row.reason, text, time.time())
                    execute(connection, _INSERT, values)
            count += len(batch)
        return count

    def count(self, source: str | None = None) -> int:
        """How many lines of ``source`` (of every source: ``None``) were rejected."""
        with self._database.reading() as connection:
            found = execute(
                connection,
                "SELECT count(*) FROM rejected WHERE ? IS NULL OR source = ?",
                (source, source),
            )
            return int(found.fetchone()[0])

    def each(self, source: str | None = None) -> Iterator[BadRow]:
        """The rejected rows by source and line; ``text`` is empty where it was not kept."""
        with self._database.reading() as connection:
            found = execute(
                connection,
                "SELECT source, line, reason, coalesce(text, '') FROM rejected "
                "WHERE ? IS NULL OR source = ? ORDER BY source, line",
                (source, source),
            ).fetchall()
        return (BadRow(*row) for row in found)


_INSERT = "INSERT OR REPLACE INTO rejected VALUES (?, ?, ?, ?, ?)"
