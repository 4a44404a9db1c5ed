"""Words deleted for good, the figures of the calls kept.

What is deleted is overwritten in the file (``secure_delete``), and the write-ahead log, which still
holds the pages as they were, is emptied. While another process reads, SQLite cannot empty it: then
`Purged.finished` is false, and the same purge run again finishes the work.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from downroute.store.database import Database
from downroute.store.encoding import dump
from downroute.store.statements import execute


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

    bodies: int = 0
    asked_answers: int = 0
    rejected_texts: int = 0
    recorded_scores: int = 0
    comments: int = 0
    finished: bool = True

    def __add__(self, other: Purged) -> Purged:
        return Purged(
            self.bodies + other.bodies,
            self.asked_answers + other.asked_answers,
            self.rejected_texts + other.rejected_texts,
            self.recorded_scores + other.recorded_scores,
            self.comments + other.comments,
            self.finished and other.finished,
        )

    @property
    def any(self) -> bool:
        """Whether there was anything to delete."""
        return self != Purged(finished=self.finished)


class _Where(NamedTuple):
    """Which rows: a condition with its values."""

    condition: str
    values: Sequence[Any] = ()


_ALL = _Where("1")


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
        with self._database.writing() as connection:
            gone = _calls(connection, _Where("subject = ?", [subject]))
            gone += _comments(connection, _Where("grader = ?", [subject]))
        return self._emptied(gone)

    def before(self, moment: float) -> Purged:
        """Everything said before ``moment`` (Unix seconds). Calls whose time is unknown stay."""
        with self._database.writing() as connection:
            gone = _calls(connection, _Where("started_at < ?", [moment]))
            gone += _asked(connection, _Where("asked_at < ?", [moment]))
            gone += _comments(connection, _Where("at < ?", [moment]))
        return self._emptied(gone)

    def everything(self) -> Purged:
        """All words, and all digests of words."""
        with self._database.writing() as connection:
            gone = _calls(connection, _ALL)
            for delete in (_asked, _comments, _rejected, _recorded):
                gone += delete(connection, _ALL)
        return self._emptied(gone)

    def expired(self, moment: float, go_on: Callable[[], bool] = lambda: True) -> Purged:
        """Everything the store has held since before ``moment`` (Unix seconds), whenever it was
        said: the calls' as with `before`, rejected rows' texts and recorded scores. In many short
        transactions, so that others can write meanwhile, for as long as ``go_on`` says so."""
        gone = Purged()
        for delete, table, key, condition in _AGES:
            old = f"SELECT {key} FROM {table} WHERE {condition} LIMIT {_AT_ONCE}"
            full = True
            while full:
                with self._database.writing() as connection:
                    rows = [n for (n,) in connection.execute(old, (moment,))]
                    these = _Where(f"{key} IN (SELECT value FROM json_each(?))", [dump(rows)])
                    gone += delete(connection, these) if rows else Purged()
                full = len(rows) == _AT_ONCE
                if not go_on():
                    return replace(gone, finished=False)
        return self._emptied(gone)

    def _emptied(self, gone: Purged) -> Purged:
        """What is gone, and whether the write-ahead log could be emptied."""
        with self._database.reading() as connection:
            busy: int = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        return replace(gone, finished=not busy)


def _calls(connection: sqlite3.Connection, which: _Where) -> Purged:
    """All words of these calls, their figures left as they are."""
    calls = f"SELECT n FROM call_rows WHERE {which.condition}"
    asked = f"request_digest IN (SELECT request_digest FROM bodies WHERE call IN ({calls}))"
    said = f"call IN (SELECT id FROM call_rows WHERE {which.condition})"
    gone = _asked(connection, _Where(asked, which.values))
    gone += _comments(connection, _Where(said, which.values))
    bodies = _changed(connection, f"DELETE FROM bodies WHERE call IN ({calls})", which.values)
    _changed(
        connection,
        f"UPDATE attempt_rows SET {_ERROR_S_KIND} WHERE error IS NOT NULL AND call IN ({calls})",
        which.values,
    )
    _changed(
        connection,
        f"UPDATE call_rows SET {_ERROR_S_KIND}, subject = NULL, session = NULL, request_id = NULL, "
        f"words_since = NULL WHERE {which.condition}",
        which.values,
    )
    return replace(gone, bodies=bodies)


def _asked(connection: sqlite3.Connection, which: _Where) -> Purged:
    # Its digest goes as well, so that no study takes the ask for one it can read.
    answers = _changed(
        connection,
        f"UPDATE asks SET answer = NULL, request_digest = '', {_ERROR_S_KIND} "
        f"WHERE request_digest != '' AND finished_at IS NOT NULL AND {which.condition}",
        which.values,
    )
    return Purged(asked_answers=answers)


def _comments(connection: sqlite3.Connection, which: _Where) -> Purged:
    counting = f"SELECT count(comment) FROM feedback WHERE {which.condition}"
    comments = int(execute(connection, counting, which.values).fetchone()[0])
    _changed(
        connection,
        "UPDATE feedback SET comment = NULL, grader = NULL "
        f"WHERE (comment IS NOT NULL OR grader != '') AND {which.condition}",
        which.values,
    )
    return Purged(comments=comments)


def _rejected(connection: sqlite3.Connection, which: _Where) -> Purged:
    texts = _changed(
        connection,
        f"UPDATE rejected SET text = NULL WHERE coalesce(text, '') != '' AND {which.condition}",
        which.values,
    )
    return Purged(rejected_texts=texts)


def _recorded(connection: sqlite3.Connection, which: _Where) -> Purged:
    scores = _changed(connection, f"DELETE FROM recorded WHERE {which.condition}", which.values)
    return Purged(recorded_scores=scores)


def _changed(connection: sqlite3.Connection, statement: str, values: Sequence[Any] = ()) -> int:
    return execute(connection, statement, values).rowcount


_AT_ONCE = 200
_ERROR_S_KIND = "error = substr(error, 1, instr(error || ':', ':') - 1)"

_AGES = (
    (_calls, "call_rows", "n", "words_since < ?"),
    (_asked, "asks", "n", "request_digest != '' AND finished_at IS NOT NULL AND asked_at < ?"),
    (_comments, "feedback", "n", "(comment IS NOT NULL OR grader != '') AND at < ?"),
    (_rejected, "rejected", "rowid", "coalesce(text, '') != '' AND words_since < ?"),
    (_recorded, "recorded", "n", "words_since < ?"),
)
"""What grows old: how it is deleted, its table and key, and how a row is found that is too old."""

_KEPT = """SELECT
    (SELECT count(*) FROM call_rows),
    (SELECT count(*) FROM bodies),
    (SELECT count(answer) FROM asks),
    (SELECT count(*) FROM rejected WHERE coalesce(text, '') != ''),
    (SELECT count(*) FROM recorded),
    (SELECT min(started_at) FROM call_rows JOIN bodies ON bodies.call = call_rows.n),
    (SELECT count(*) FROM call_rows JOIN bodies ON bodies.call = call_rows.n
     WHERE started_at IS NULL),
    (SELECT count(comment) FROM feedback)"""
