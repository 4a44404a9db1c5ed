"""What recordings say of each model's answers, for the scorer ``recorded``."""

from __future__ import annotations

import time
from collections.abc import Iterable

from downroute.records import RecordedScore
from downroute.store.calls import Added
from downroute.store.database import Database
from downroute.store.statements import batches, execute


class Recorded:
    """The recorded scores of one store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, scores: Iterable[RecordedScore]) -> Added:
        """Add the scores not known yet (by task, row, model, request and answer)."""
        new = known = 0
        for batch in batches(scores):
            with self._database.writing() as connection:
                added = sum(execute(connection, _INSERT, _row(s)).rowcount for s in batch)
            new += added
            known += len(batch) - added
        return Added(new, known)

    def find(
        self,
        request_digest: str,
        model: str,
        answer_digest: str,
        *,
        task: str | None = None,
        row: str | None = None,
    ) -> RecordedScore | None:
        """What was recorded of this model's answer to this request.

        Some recordings ask the same twice: a score of the given ``task`` and ``row`` goes first,
        then the one that was added first.
        """
        with self._database.reading() as connection:
            found = execute(
                connection, _FIND, (request_digest, model, answer_digest, task, row)
            ).fetchone()
        return None if found is None else RecordedScore(*found)

    def has_any(self) -> bool:
        with self._database.reading() as connection:
            return connection.execute("SELECT 1 FROM recorded LIMIT 1").fetchone() is not None


def _row(score: RecordedScore) -> tuple[str | float | None, ...]:
    return (
        *(score.task, score.row, score.model, score.request_digest, score.answer_digest),
        *(score.score, score.self_check, time.time()),
    )


_COLUMNS = "task, source_row, model, request_digest, answer_digest, score, self_check"
_INSERT = (
    f"INSERT OR IGNORE INTO recorded ({_COLUMNS}, words_since) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_FIND = f"""
    SELECT {_COLUMNS} FROM recorded
    WHERE request_digest = ? AND model = ? AND answer_digest = ?
    ORDER BY (task IS ?) DESC, (source_row IS ?) DESC, n LIMIT 1"""
