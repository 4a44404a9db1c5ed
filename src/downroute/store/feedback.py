"""What users and reviewers said of answers that were sent, by call."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from downroute.store.bodies import Bodies, Keeping, keeping
from downroute.store.database import Database
from downroute.store.encoding import dump
from downroute.store.redaction import Redaction
from downroute.store.statements import batches, execute

GOOD = 0.5
"""Scores above are good, scores below are bad; on it they say neither."""


class Feedback(NamedTuple):
    """``score`` is 0 (bad) to 1 (good), ``at`` in Unix seconds. ``grader`` is whatever whoever
    says it is called; empty = not said."""

    call: str
    score: float
    at: float
    grader: str = ""
    comment: str | None = None

    @property
    def size(self) -> int:
        """About how many bytes it holds."""
        return len(self.comment or "") + len(self.grader) + len(self.call)


class FeedbackGroup(NamedTuple):
    """The calls of one task (undeclared: fingerprint), answering model and decision that there is
    feedback on, each by its graders' mean score."""

    task: str | None
    fingerprint: str
    model: str
    decision: str
    calls: int
    good: int
    bad: int
    mean_score: float


class StoredFeedback:
    """The feedback of one store. It may come before its call does, so nothing is said here of
    whether there is such a call."""

    def __init__(self, database: Database, redaction: Redaction) -> None:
        self._database = database
        self._redaction = redaction

    def add(self, said: Iterable[Feedback], keep: Bodies | str | Keeping = Bodies.NONE) -> int:
        """Enter feedback; a grader's second of one call replaces the first. How much. ``keep``
        says what of comments is kept; of a call that is not in the log yet, the strictest."""
        kept = keeping(keep)
        added = 0
        for batch in batches(said, weight=lambda f: f.size):
            with self._database.writing() as connection:
                tasks = _tasks(connection, batch) if kept.by_task else {}
                for f in batch:
                    how = kept.of(tasks[f.call]) if f.call in tasks else kept.strictest
                    row = (f.call, f.grader, f.score, f.at, self._comment(f, how))
                    added += execute(connection, _ENTER, row).rowcount
        return added

    def _comment(self, said: Feedback, keep: Bodies) -> str | None:
        if said.comment is None or keep is Bodies.NONE:
            return None
        return said.comment if keep is Bodies.FULL else self._redaction.text(said.comment)

    def each(self) -> Iterator[Feedback]:
        """All of it, in the order it first came."""
        with self._database.reading() as connection:
            rows = connection.execute(_ALL).fetchall()
        return (Feedback(*row) for row in rows)

    def scores(self, since: float | None = None) -> dict[str, float]:
        """Call → the mean of what its graders gave it; of calls in the log that started at Unix
        second ``since`` or later."""
        with self._database.reading() as connection:
            return dict(connection.execute(_SCORES, {"since": since}))

    def groups(self, since: float | None = None) -> list[FeedbackGroup]:
        """By task, model and decision, over calls through the gateway; most calls first."""
        with self._database.reading() as connection:
            found = connection.execute(_GROUPS, {"since": since, "good": GOOD})
            return [FeedbackGroup(*row) for row in found]

    def unknown(self, since: float | None = None) -> int:
        """How many calls there is feedback on that the log does not hold."""
        with self._database.reading() as connection:
            return int(connection.execute(_UNKNOWN, {"since": since}).fetchone()[0])


def _tasks(connection: sqlite3.Connection, said: Iterable[Feedback]) -> dict[str, str | None]:
    """Of the calls that are in the log, the task."""
    ids = dump([f.call for f in said])
    return dict(execute(connection, _TASKS, (ids,)))


_TASKS = "SELECT id, task FROM calls WHERE id IN (SELECT value FROM json_each(?))"

_ENTER = """
    INSERT INTO feedback (call, grader, score, at, comment) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (call, grader) DO UPDATE SET score = excluded.score, at = excluded.at,
        comment = excluded.comment
    WHERE excluded.at >= at"""

_ALL = "SELECT call, score, at, coalesce(grader, ''), comment FROM feedback ORDER BY n"

_BY_CALL = """
    SELECT calls.id, calls.task, calls.fingerprint, calls.model, calls.decision,
           avg(feedback.score) AS score
    FROM feedback JOIN calls ON calls.id = feedback.call
    WHERE :since IS NULL OR calls.started_at >= :since GROUP BY calls.n"""

_SCORES = f"SELECT id, score FROM ({_BY_CALL})"

_GROUPS = f"""
    SELECT task, iif(task IS NULL, fingerprint, ''), model, decision, count(*) AS size,
           count(*) FILTER (WHERE score > :good), count(*) FILTER (WHERE score < :good), avg(score)
    FROM ({_BY_CALL}) WHERE decision IS NOT NULL
    GROUP BY 1, 2, model, decision ORDER BY size DESC, task, 2, model, decision"""

_UNKNOWN = """
    SELECT count(DISTINCT call) FROM feedback
    WHERE call NOT IN (SELECT id FROM call_rows) AND (:since IS NULL OR at >= :since)"""
