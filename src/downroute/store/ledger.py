"""What was decided and on what grounds: studies, their verdicts, grades, and served policies."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from downroute.errors import StoreError
from downroute.records import Json
from downroute.store.database import Database
from downroute.store.encoding import dump, load
from downroute.store.statements import batches, execute

RUNNING = "running"


class StudyRecord(NamedTuple):
    """One study. ``status`` is "running" until it finished; a study whose process died keeps it."""

    id: str
    settings: Json
    started_at: float
    finished_at: float | None
    status: str
    result: Json


class VerdictRecord(NamedTuple):
    """What one study found about one task."""

    study: str
    task: str
    verdict: Json


class Grade(NamedTuple):
    """What one grader said of one pair of answers; ``pair`` is the pair's digest."""

    task: str
    pair: str
    grader: str
    grade: Json
    at: float


class ServedPolicy(NamedTuple):
    """A policy's text as it was served; it never changes under its digest."""

    digest: str
    text: str
    first_served_at: float
    path: str


class Ledger:
    """The ledger of one store. ``at`` is always in Unix seconds, now where it is left out."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin_study(self, settings: Mapping[str, Json], *, at: float | None = None) -> str:
        """Enter a new study; its id, such as "2026-11-23T10:02Z/7" for this store's seventh."""
        now = time.time() if at is None else at
        minute = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%MZ")
        with self._database.writing() as connection:
            number = connection.execute("SELECT coalesce(max(n), 0) + 1 FROM studies").fetchone()[0]
            study_id = f"{minute}/{number}"
            execute(
                connection,
                "INSERT INTO studies (n, id, settings, started_at, status) VALUES (?, ?, ?, ?, ?)",
                (number, study_id, dump(settings), now, RUNNING),
            )
        return study_id

    def keep_settings(self, study_id: str, settings: Mapping[str, Json]) -> None:
        """Enter what a study that goes on is run with now."""
        with self._database.writing() as connection:
            execute(
                connection, "UPDATE studies SET settings = ? WHERE id = ?",
                (dump(settings), study_id),
            )  # fmt: skip

    def finish_study(
        self, study_id: str, status: str, result: Json, *, at: float | None = None
    ) -> None:
        """Enter how a study ended.

        Raises:
            StoreError: this store knows no such study.
        """
        now = time.time() if at is None else at
        with self._database.writing() as connection:
            done = execute(
                connection,
                "UPDATE studies SET finished_at = ?, status = ?, result = ? WHERE id = ?",
                (now, status, dump(result), study_id),
            )
            if done.rowcount == 0:
                raise StoreError(f"{self._database.path}: there is no study {study_id!r}")

    def study(self, study_id: str) -> StudyRecord | None:
        found = self._rows(f"SELECT {_STUDY} FROM studies WHERE id = ?", study_id)
        return _study(found[0]) if found else None

    def studies(self) -> list[StudyRecord]:
        """Every study, oldest first."""
        return [_study(row) for row in self._rows(f"SELECT {_STUDY} FROM studies ORDER BY n")]

    def add_verdict(self, study_id: str, task: str, verdict: Json) -> None:
        """Enter what a study found about a task; a second entry replaces the first."""
        self._write(
            "INSERT INTO verdicts (study, task, verdict) VALUES (?, ?, ?) "
            "ON CONFLICT (study, task) DO UPDATE SET verdict = excluded.verdict",
            [(study_id, task, dump(verdict))],
        )

    def verdicts(
        self, *, study_id: str | None = None, task: str | None = None
    ) -> list[VerdictRecord]:
        """The verdicts (of one study, about one task), oldest first."""
        rows = self._rows(
            "SELECT study, task, verdict FROM verdicts "
            "WHERE (? IS NULL OR study = ?) AND (? IS NULL OR task = ?) ORDER BY n",
            *(study_id, study_id, task, task),
        )
        return [VerdictRecord(study, name, load(text)) for study, name, text in rows]

    def add_grades(self, grades: Iterable[Grade]) -> int:
        """Enter grades; a grader's second grade of a pair replaces the first. How many."""
        return self._write(
            "INSERT INTO grades (task, pair, grader, grade, at) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (task, pair, grader) DO UPDATE SET grade = excluded.grade, "
            "at = excluded.at",
            ((g.task, g.pair, g.grader, dump(g.grade), g.at) for g in grades),
        )

    def remove_grade(self, task: str, pair: str, grader: str) -> bool:
        """Take a grade back; whether there was one."""
        with self._database.writing() as connection:
            gone = execute(
                connection,
                "DELETE FROM grades WHERE task = ? AND pair = ? AND grader = ?",
                (task, pair, grader),
            )
        return gone.rowcount > 0

    def grades(self, task: str | None = None) -> list[Grade]:
        """The grades (of one task), in the order they were first given."""
        rows = self._rows(
            "SELECT task, pair, grader, grade, at FROM grades "
            "WHERE ? IS NULL OR task = ? ORDER BY n",
            *(task, task),
        )
        return [Grade(name, pair, who, load(text), at) for name, pair, who, text, at in rows]

    def add_policy(self, digest: str, text: str, path: str, *, at: float | None = None) -> bool:
        """Enter a policy when it is served; whether it had never been served before."""
        now = time.time() if at is None else at
        return bool(
            self._write(
                "INSERT OR IGNORE INTO policies (digest, text, first_served_at, path) "
                "VALUES (?, ?, ?, ?)",
                [(digest, text, now, path)],
            )
        )

    def policy(self, digest: str) -> ServedPolicy | None:
        found = self._rows(f"SELECT {_POLICY} FROM policies WHERE digest = ?", digest)
        return ServedPolicy(*found[0]) if found else None

    def policies(self) -> list[ServedPolicy]:
        """Every policy that was ever served, in the order they first were."""
        rows = self._rows(f"SELECT {_POLICY} FROM policies ORDER BY n")
        return [ServedPolicy(*row) for row in rows]

    def _write(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> int:
        written = 0
        for batch in batches(rows):
            with self._database.writing() as connection:
                written += sum(execute(connection, statement, row).rowcount for row in batch)
        return written

    def _rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._database.reading() as connection:
            return execute(connection, statement, values).fetchall()


def _study(row: tuple[Any, ...]) -> StudyRecord:
    study_id, settings, started_at, finished_at, status, result = row
    return StudyRecord(study_id, load(settings), started_at, finished_at, status, load(result))


_STUDY = "id, settings, started_at, finished_at, status, result"
_POLICY = "digest, text, first_served_at, path"
