"""What graders are shown, and what only the store knows of it: which pair stands behind an id,
which answer on which side, and whose link is whose.

Ids, sides and tokens are drawn from the system's randomness and stand in no relation to what they
name: whoever holds a page, a file or a link learns nothing of the models from them.
"""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections.abc import Iterable
from typing import NamedTuple

from downroute.store.database import Database
from downroute.store.statements import execute

PREFIX = "p-"
"""What every id begins with; ids of older grading files never do."""

FILES = ""
"""The reader of exported files: whoever is handed one."""


class Blinded(NamedTuple):
    """A pair as one reader sees it. ``candidate_first``: the candidate's answer is answer A."""

    id: str
    task: str
    pair: str
    reader: str
    candidate_first: bool


class Skip(NamedTuple):
    """A pair one grader left for later."""

    task: str
    pair: str
    grader: str
    at: float


class Link(NamedTuple):
    """A grader's way in. ``expires_at`` in Unix seconds."""

    token: str
    study: str
    grader: str
    expires_at: float


class Blinding:
    """The sides, skips and links of one store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def blind(self, reader: str, pairs: Iterable[tuple[str, str]]) -> list[Blinded]:
        """Each (task, pair) as ``reader`` sees it: the same whenever it is asked for."""
        found = []
        with self._database.writing() as connection:
            for task, pair in pairs:
                known = _blinded(connection, _OF_READER, task, pair, reader)
                if known is None:
                    known = _new(task, pair, reader)
                    execute(connection, "INSERT INTO blinded VALUES (?, ?, ?, ?, ?)", known)
                found.append(known)
        return found

    def behind(self, blinded_id: str) -> Blinded | None:
        """The pair behind an id."""
        with self._database.reading() as connection:
            return _blinded(connection, "id = ?", blinded_id)

    def skip(self, skip: Skip) -> None:
        """Remember that a grader left a pair for later."""
        with self._database.writing() as connection:
            execute(connection, "INSERT OR REPLACE INTO skipped VALUES (?, ?, ?, ?)", skip)

    def unskip(self, task: str, pair: str, grader: str) -> None:
        with self._database.writing() as connection:
            execute(
                connection,
                "DELETE FROM skipped WHERE task = ? AND pair = ? AND grader = ?",
                (task, pair, grader),
            )

    def skips(self, grader: str) -> list[Skip]:
        """What a grader left for later, the oldest first."""
        with self._database.reading() as connection:
            rows = execute(
                connection,
                "SELECT task, pair, grader, at FROM skipped WHERE grader = ? ORDER BY at",
                (grader,),
            )
            return [Skip(*row) for row in rows]

    def open_link(self, study: str, grader: str, lifetime_s: float) -> Link:
        """The grader's link to a study: the one that has not expired, with its time begun anew,
        so that a page stays open across a restart; else a new one."""
        now = time.time()
        with self._database.writing() as connection:
            row = execute(
                connection,
                f"SELECT {_LINK} FROM grading_links WHERE study = ? AND grader = ?",
                (study, grader),
            ).fetchone()
            token = row[0] if row is not None and row[3] > now else secrets.token_urlsafe(24)
            link = Link(token, study, grader, now + lifetime_s)
            execute(connection, "INSERT OR REPLACE INTO grading_links VALUES (?, ?, ?, ?)", link)
        return link

    def link(self, token: str) -> Link | None:
        """Whose link this is, expired or not."""
        with self._database.reading() as connection:
            row = execute(
                connection, f"SELECT {_LINK} FROM grading_links WHERE token = ?", (token,)
            ).fetchone()
        return None if row is None else Link(*row)


def _new(task: str, pair: str, reader: str) -> Blinded:
    # An id of its own, never a digest of the pair: whoever guesses the models' names could compute
    # such a digest both ways round and see which one fits.
    return Blinded(PREFIX + secrets.token_hex(8), task, pair, reader, bool(secrets.randbits(1)))


def _blinded(connection: sqlite3.Connection, where: str, *values: str) -> Blinded | None:
    row = execute(
        connection,
        f"SELECT id, task, pair, reader, candidate_first FROM blinded WHERE {where}",
        values,
    ).fetchone()
    if row is None:
        return None
    blinded_id, task, pair, reader, candidate_first = row
    return Blinded(blinded_id, task, pair, reader, bool(candidate_first))


_OF_READER = "task = ? AND pair = ? AND reader = ?"
_LINK = "token, study, grader, expires_at"
