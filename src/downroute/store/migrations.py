"""The store's tables. A migration is a function in a list: it runs once and is never edited.

``PRAGMA user_version`` is the number of migrations a file has been through.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable

from downroute.store.migration_to_kinds import kinds_of_calls

_USAGE = """
    input_tokens INTEGER, output_tokens INTEGER, cached_input_tokens INTEGER,
    reasoning_tokens INTEGER, usage_estimated INTEGER NOT NULL DEFAULT 0"""


def first_tables(connection: sqlite3.Connection) -> None:
    """The log (calls, attempts, bodies, recorded, rejected), the journal (asks), the ledger."""
    for statement in (
        f"""CREATE TABLE calls (
            n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, source TEXT NOT NULL,
            model TEXT NOT NULL, fingerprint TEXT NOT NULL, task TEXT, source_row TEXT, slice TEXT,
            requested_model TEXT, snapshot TEXT, started_at REAL, latency_s REAL,
            first_byte_s REAL, {_USAGE}, cost_usd REAL, status INTEGER, error TEXT,
            stream INTEGER NOT NULL, decision TEXT, reason TEXT, policy_digest TEXT, session TEXT,
            subject TEXT)""",
        "CREATE INDEX calls_by_task ON calls (task)",
        f"""CREATE TABLE attempts (
            call INTEGER NOT NULL, n INTEGER NOT NULL, model TEXT NOT NULL, purpose TEXT NOT NULL,
            status INTEGER, error TEXT, {_USAGE}, cost_usd REAL, latency_s REAL,
            first_byte_s REAL, finish_reason TEXT, snapshot TEXT, checks TEXT NOT NULL,
            signals TEXT NOT NULL, score REAL, PRIMARY KEY (call, n)) WITHOUT ROWID""",
        """CREATE TABLE bodies (
            call INTEGER PRIMARY KEY, subject TEXT, expires_at REAL, request_digest TEXT,
            request TEXT, answer TEXT, reference TEXT, altered INTEGER NOT NULL)""",
        "CREATE INDEX bodies_by_subject ON bodies (subject) WHERE subject IS NOT NULL",
        "CREATE INDEX bodies_by_expiry ON bodies (expires_at) WHERE expires_at IS NOT NULL",
        """CREATE TABLE recorded (
            n INTEGER PRIMARY KEY, task TEXT NOT NULL, source_row TEXT NOT NULL,
            model TEXT NOT NULL, request_digest TEXT NOT NULL, answer_digest TEXT NOT NULL,
            score REAL, self_check REAL,
            UNIQUE (request_digest, model, answer_digest, task, source_row))""",
        """CREATE TABLE rejected (
            source TEXT NOT NULL, line INTEGER NOT NULL, reason TEXT NOT NULL, text TEXT,
            PRIMARY KEY (source, line))""",
        f"""CREATE TABLE asks (
            n INTEGER PRIMARY KEY, upstream TEXT NOT NULL, model TEXT NOT NULL,
            request_digest TEXT NOT NULL, purpose TEXT NOT NULL, repeat INTEGER NOT NULL,
            study TEXT NOT NULL, asked_at REAL NOT NULL, estimated_cost_usd REAL,
            finished_at REAL, answer TEXT, {_USAGE}, cost_usd REAL, latency_s REAL,
            status INTEGER, error TEXT, tries INTEGER)""",
        "CREATE INDEX asks_by_key ON asks (request_digest, model, upstream, purpose, repeat)",
        "CREATE INDEX asks_unfinished ON asks (study) WHERE finished_at IS NULL",
        """CREATE TABLE studies (
            n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, settings TEXT NOT NULL,
            started_at REAL NOT NULL, finished_at REAL, status TEXT NOT NULL, result TEXT)""",
        """CREATE TABLE verdicts (
            n INTEGER PRIMARY KEY, study TEXT NOT NULL, task TEXT NOT NULL, verdict TEXT NOT NULL,
            UNIQUE (study, task))""",
        """CREATE TABLE grades (
            n INTEGER PRIMARY KEY, task TEXT NOT NULL, pair TEXT NOT NULL, grader TEXT NOT NULL,
            grade TEXT NOT NULL, at REAL NOT NULL, UNIQUE (task, pair, grader))""",
        """CREATE TABLE policies (
            n INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, text TEXT NOT NULL,
            first_served_at REAL NOT NULL, path TEXT NOT NULL)""",
    ):
        connection.execute(statement)


def grading_tables(connection: sqlite3.Connection) -> None:
    """What graders are shown and must not know: links, and which answer stands on which side."""
    for statement in (
        """CREATE TABLE blinded (
            id TEXT PRIMARY KEY, task TEXT NOT NULL, pair TEXT NOT NULL, reader TEXT NOT NULL,
            candidate_first INTEGER NOT NULL, UNIQUE (task, pair, reader)) WITHOUT ROWID""",
        """CREATE TABLE skipped (
            task TEXT NOT NULL, pair TEXT NOT NULL, grader TEXT NOT NULL, at REAL NOT NULL,
            PRIMARY KEY (task, pair, grader)) WITHOUT ROWID""",
        """CREATE TABLE grading_links (
            token TEXT PRIMARY KEY, study TEXT NOT NULL, grader TEXT NOT NULL,
            expires_at REAL NOT NULL, UNIQUE (study, grader)) WITHOUT ROWID""",
    ):
        connection.execute(statement)


def unanswered_tries(connection: sqlite3.Connection) -> None:
    """Of each ask, the tries that brought no usable answer and may have been billed."""
    connection.execute("ALTER TABLE asks ADD COLUMN unanswered INTEGER NOT NULL DEFAULT 0")


def answers_not_sent(connection: sqlite3.Connection) -> None:
    """Beside the answer that was sent, those of a call's other attempts, by attempt."""
    connection.execute("ALTER TABLE bodies ADD COLUMN attempt_answers TEXT")


def request_ids(connection: sqlite3.Connection) -> None:
    """What clients call their requests."""
    connection.execute("ALTER TABLE calls ADD COLUMN request_id TEXT")


def feedback(connection: sqlite3.Connection) -> None:
    """What is said of a call's answer, by whom; a call may come after what is said of it. Who said
    it is NULL once that has been deleted."""
    connection.execute(
        """CREATE TABLE feedback (
            n INTEGER PRIMARY KEY, call TEXT NOT NULL, grader TEXT, score REAL NOT NULL,
            at REAL NOT NULL, comment TEXT, UNIQUE (call, grader))"""
    )


def key_names(connection: sqlite3.Connection) -> None:
    """Of the virtual keys that calls came with."""
    connection.execute("ALTER TABLE calls ADD COLUMN key_name TEXT")


def ages_of_words(connection: sqlite3.Connection) -> None:
    """Since when the store holds what was said in a call (NULL: nothing any more), in a rejected
    row, in what a recorded score is found by. Of what is there already, since now."""
    connection.execute("DROP INDEX bodies_by_expiry")
    connection.execute("ALTER TABLE bodies DROP COLUMN expires_at")
    for table in ("calls", "rejected", "recorded"):
        connection.execute(f"ALTER TABLE {table} ADD COLUMN words_since REAL")
        connection.execute(f"UPDATE {table} SET words_since = ?", (time.time(),))
    connection.execute(
        "CREATE INDEX calls_by_age ON calls (words_since) WHERE words_since IS NOT NULL"
    )


def tokens_billed_apart(connection: sqlite3.Connection) -> None:
    """Of a usage, what has a price of its own, as a JSON object; NULL where there is none."""
    for table in ("calls", "attempts", "asks"):
        connection.execute(f"ALTER TABLE {table} ADD COLUMN usage_apart TEXT")


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (
    first_tables,
    grading_tables,
    unanswered_tries,
    answers_not_sent,
    request_ids,
    feedback,
    key_names,
    ages_of_words,
    tokens_billed_apart,
    kinds_of_calls,
)
