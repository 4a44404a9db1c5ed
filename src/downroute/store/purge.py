"""Words deleted for good, the figures of the calls kept.

What is deleted is overwritten in the file (``secure_delete``), and the write-ahead log, which still
holds the pages as they were, is emptied. While another process reads, SQLite cannot empty it: then
`Purged.finished` is false, and the same purge run again finishes the work.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from downroute.store.database import Database, execute


class Kept(NamedTuple):
    """What of people's words a store holds. Times are Unix seconds, ``None`` where unknown."""

    calls: int
    bodies: int
    asked_answers: int
    """Answers that studies asked for."""
    rejected_texts: int
    recorded_scores: int
    """Each with digests of a request and an answer, which a short text can be guessed from."""
    oldest_body_at: float | None
    undated_bodies: int
    """Bodies of calls whose time is unknown: no date's purge reaches them."""
    comments: int
    """What was said in words of answers."""


@dataclass(frozen=True, slots=True)
class Purged:
    """How many of each were deleted, and whether no copy is left in the write-ahead log."""

    bodies: int
    asked_answers: int
    rejected_texts: int
    recorded_scores: int
    comments: int
    finished: bool


class Purge:
    """Deletes for good, by person or by time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def kept(self) -> Kept:
        with self._database.reading() as connection:
            return Kept(*connection.execute(_KEPT).fetchone())

    def subject(self, subject: str) -> Purged:
        """Everything said in calls of one person: bodies, errors' texts, comments, the answers that
        studies asked for on those requests, and who it was; and what they said of others' calls.
        Rejected rows name no person and stay."""
        return self._run("subject = ?", [subject], comments="grader = ?")

    def before(self, moment: float) -> Purged:
        """Everything said before ``moment`` (Unix seconds). Calls whose time is unknown stay."""
        return self._run("started_at < ?", [moment], asked="asked_at < ?", comments="at < ?")

    def everything(self) -> Purged:
        """All words, and all digests of words."""
        return self._run("1", [], asked="1", comments="1", side=True)

    def _run(
        self,
        which: str,
        values: Sequence[Any],
        *,
        comments: str,
        asked: str | None = None,
        side: bool = False,
    ) -> Purged:
        calls = f"SELECT n FROM calls WHERE {which}"
        of_these = f"request_digest IN (SELECT request_digest FROM bodies WHERE call IN ({calls}))"
        rejected = recorded = 0
        with self._database.writing() as connection:
            answers = 0
            for condition in [of_these, *([asked] if asked else [])]:
                # Its digest goes as well, so that no study takes the ask for one it can read.
                answers += _changed(
                    connection,
                    "UPDATE asks SET answer = NULL, request_digest = '', "
                    "error = substr(error, 1, instr(error || ':', ':') - 1) "
                    f"WHERE request_digest != '' AND finished_at IS NOT NULL AND {condition}",
                    values,
                )
            said = 0
            of_calls = f"call IN (SELECT id FROM calls WHERE {which})"
            for condition in (of_calls, comments):
                said += _count(connection, f"{condition} AND comment IS NOT NULL", values)
                _changed(
                    connection,
                    "UPDATE feedback SET comment = NULL, grader = NULL "
                    f"WHERE (comment IS NOT NULL OR grader != '') AND {condition}",
                    values,
                )
            bodies = _changed(connection, f"DELETE FROM bodies WHERE call IN ({calls})", values)
            _changed(
                connection,
                "UPDATE attempts SET error = substr(error, 1, instr(error || ':', ':') - 1) "
                f"WHERE error IS NOT NULL AND call IN ({calls})",
                values,
            )
            _changed(
                connection,
                "UPDATE calls SET error = substr(error, 1, instr(error || ':', ':') - 1), "
                f"subject = NULL, session = NULL, request_id = NULL WHERE {which}",
                values,
            )
            if side:
                rejected = _changed(
                    connection, "UPDATE rejected SET text = NULL WHERE coalesce(text, '') != ''"
                )
                recorded = _changed(connection, "DELETE FROM recorded")
        return Purged(bodies, answers, rejected, recorded, said, self._emptied())

    def _emptied(self) -> bool:
        """Whether the write-ahead log could be emptied."""
        with self._database.reading() as connection:
            busy: int = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        return not busy


def _changed(connection: sqlite3.Connection, statement: str, values: Sequence[Any] = ()) -> int:
    return execute(connection, statement, values).rowcount


def _count(connection: sqlite3.Connection, condition: str, values: Sequence[Any]) -> int:
    found = execute(connection, f"SELECT count(*) FROM feedback WHERE {condition}", values)
    return int(found.fetchone()[0])


_KEPT = """SELECT
    (SELECT count(*) FROM calls),
    (SELECT count(*) FROM bodies),
    (SELECT count(answer) FROM asks),
    (SELECT count(*) FROM rejected WHERE coalesce(text, '') != ''),
    (SELECT count(*) FROM recorded),
    (SELECT min(started_at) FROM calls JOIN bodies ON bodies.call = calls.n),
    (SELECT count(*) FROM calls JOIN bodies ON bodies.call = calls.n WHERE started_at IS NULL),
    (SELECT count(comment) FROM feedback)"""
