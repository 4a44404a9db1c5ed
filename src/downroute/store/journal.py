"""What a study asked and what came back, written before and after each ask: nothing is paid twice.

One row per ask. A row without an end is an ask that may have been paid: its process died between
the two writes. Rows are durable against the death of the process, see `database`.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from downroute.errors import StoreError
from downroute.records import Json, Usage
from downroute.store.call_rows import USAGE_COLUMNS, usage_from_row, usage_row
from downroute.store.database import Database
from downroute.store.encoding import dump, load, whole
from downroute.store.statements import execute


@dataclass(frozen=True, slots=True)
class JournalKey:
    """What makes two asks the same: who is asked, what with which parameters, why, and the
    ``repeat``, for asking the same again on purpose."""

    upstream: str
    model: str
    request_digest: str
    purpose: str
    repeat: int = 0


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """What came back: the whole completion ``body`` as received, or the ``error``."""

    body: Json = None
    usage: Usage = field(default_factory=Usage)
    cost_usd: float | None = None
    latency_s: float | None = None
    status: int | None = None
    error: str | None = None
    tries: int = 1
    """How often the upstream was tried; from `Journal.get`, over all asks of the key."""
    unanswered: int = 0
    """Tries that brought no usable answer and may have been billed all the same; likewise."""


class Ask(NamedTuple):
    """An ask that never finished."""

    key: JournalKey
    study: str
    asked_at: float
    estimated_cost_usd: float | None


class Spending(NamedTuple):
    """Money a study spent. ``possibly_paid_usd`` is the estimate for asks that never finished and
    for tries without a usable answer; ``unpriced`` counts the asks, finished or not, whose cost
    is not known."""

    paid_usd: float
    possibly_paid_usd: float
    unpriced: int


class Effort(NamedTuple):
    """What asking took a study: ``asks`` that finished and ``failed`` among them, ``retries``
    beyond each ask's first try, ``unanswered`` tries that may have been billed for nothing."""

    asks: int
    failed: int
    retries: int
    unanswered: int


class Journal:
    """The journal of one store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(
        self,
        key: JournalKey,
        study_id: str,
        estimated_cost_usd: float | None,
        *,
        at: float | None = None,
    ) -> None:
        """Write that ``key`` is about to be asked. Call it before the request is sent."""
        now = time.time() if at is None else at
        row = (*_key_row(key), study_id, now, estimated_cost_usd)
        with self._database.writing() as connection:
            execute(connection, _BEGIN, row)

    def finish(self, key: JournalKey, entry: JournalEntry, *, at: float | None = None) -> None:
        """Write what came back for the ask of ``key`` that was begun last.

        Raises:
            StoreError: no ask of ``key`` is open.
        """
        now = time.time() if at is None else at
        row = (
            *(now, None if entry.body is None else dump(entry.body)),
            *usage_row(entry.usage),
            *(entry.cost_usd, entry.latency_s, whole(entry.status), entry.error, entry.tries),
            entry.unanswered,
            *_key_row(key),
        )
        with self._database.writing() as connection:
            if execute(connection, _FINISH, row).rowcount == 0:
                raise StoreError(
                    f"{self._database.path}: an answer of {key.model} came for an ask that is "
                    "not in the journal; was the store replaced during the study?"
                )

    def get(self, key: JournalKey) -> JournalEntry | None:
        """The last thing that came back for ``key``; ``None`` where nothing ever did."""
        with self._database.reading() as connection:
            return _get(connection, key)

    def get_many(self, keys: Iterable[JournalKey]) -> dict[JournalKey, JournalEntry]:
        """The entries of those keys that have one."""
        with self._database.reading() as connection:
            found = ((key, _get(connection, key)) for key in keys)
            return {key: entry for key, entry in found if entry is not None}

    def upstreams(self, model: str) -> list[str]:
        """Where ``model`` was ever asked."""
        with self._database.reading() as connection:
            return [row[0] for row in connection.execute(_UPSTREAMS, (model,)).fetchall()]

    def unfinished(self, study_id: str | None = None) -> list[Ask]:
        """The asks (of one study) that never finished, oldest first: possibly paid."""
        with self._database.reading() as connection:
            rows = connection.execute(_UNFINISHED, (study_id, study_id)).fetchall()
        return [Ask(JournalKey(*row[:5]), *row[5:]) for row in rows]

    def spent(self, study_id: str | None = None) -> Spending:
        """What one study, or all of them, spent."""
        with self._database.reading() as connection:
            return Spending(*connection.execute(_SPENT, (study_id, study_id)).fetchone())

    def effort(self, study_id: str | None = None) -> Effort:
        """How many asks one study, or all of them, took, and how many tries these."""
        with self._database.reading() as connection:
            return Effort(*connection.execute(_EFFORT, (study_id, study_id)).fetchone())


_EFFORT = """
    SELECT count(*), count(error), coalesce(sum(tries - 1), 0), coalesce(sum(unanswered), 0)
    FROM asks WHERE finished_at IS NOT NULL AND (? IS NULL OR study = ?)"""


def _get(connection: sqlite3.Connection, key: JournalKey) -> JournalEntry | None:
    row = connection.execute(_GET, _key_row(key)).fetchone()
    if row is None:
        return None
    cost_usd, latency_s, status, error, tries, unanswered = row[7:]
    return JournalEntry(
        body=load(row[0]),
        usage=usage_from_row(row[1:7]),
        cost_usd=cost_usd,
        latency_s=latency_s,
        status=status,
        error=error,
        tries=tries,
        unanswered=unanswered,
    )


def _key_row(key: JournalKey) -> tuple[Any, ...]:
    return (key.upstream, key.model, key.request_digest, key.purpose, key.repeat)


_KEY = "upstream, model, request_digest, purpose, repeat"
_IS_KEY = "upstream = ? AND model = ? AND request_digest = ? AND purpose = ? AND repeat = ?"
_USAGE = ", ".join(USAGE_COLUMNS)

_BEGIN = f"""
    INSERT INTO asks ({_KEY}, study, asked_at, estimated_cost_usd)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""
_FINISH = f"""
    UPDATE asks SET (finished_at, answer, {_USAGE}, cost_usd, latency_s, status, error, tries,
        unanswered) = (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    WHERE n = (SELECT max(n) FROM asks WHERE {_IS_KEY} AND finished_at IS NULL)"""
_GET = f"""
    WITH same AS (SELECT * FROM asks WHERE {_IS_KEY})
    SELECT answer, {_USAGE}, cost_usd, latency_s, status, error,
           (SELECT sum(coalesce(tries, 1)) FROM same), (SELECT sum(unanswered) FROM same)
    FROM same WHERE finished_at IS NOT NULL ORDER BY n DESC LIMIT 1"""
_UPSTREAMS = "SELECT DISTINCT upstream FROM asks WHERE model = ? ORDER BY upstream"
_UNFINISHED = f"""
    SELECT {_KEY}, study, asked_at, estimated_cost_usd FROM asks
    WHERE finished_at IS NULL AND (? IS NULL OR study = ?) ORDER BY n"""
_SPENT = """
    SELECT coalesce(sum(cost_usd) FILTER (WHERE finished_at IS NOT NULL), 0.0),
           coalesce(sum(estimated_cost_usd * iif(finished_at IS NULL, 1, unanswered)), 0.0),
           count(*) - count(iif(finished_at IS NULL, estimated_cost_usd, cost_usd))
    FROM asks WHERE ? IS NULL OR study = ?"""
