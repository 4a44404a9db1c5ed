"""The migration after which what many calls have in common is stored once."""

from __future__ import annotations

import sqlite3


def kinds_of_calls(connection: sqlite3.Connection) -> None:
    """``calls`` and ``attempts`` are views from here on: of a call's own row with its kind; of the
    attempts that have rows of their own, and of those that their call tells of. Attempts that are
    there already keep their rows. What a gateway of an older version, which still runs, writes to
    the views is put in its place."""
    for statement in (
        f"""CREATE TABLE call_kinds (
            n INTEGER PRIMARY KEY, digest BLOB UNIQUE, {", ".join(_KINDS)}, reason TEXT,
            purpose TEXT, attempt_status INTEGER, finish_reason TEXT, checks TEXT)""",
        """CREATE TABLE call_rows (
            n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind INTEGER NOT NULL,
            started_at REAL, latency_s REAL, first_byte_s REAL, attempt_latency_s REAL,
            attempt_first_byte_s REAL, input_tokens INTEGER, output_tokens INTEGER, cost_usd REAL,
            status INTEGER, fingerprint TEXT NOT NULL, cached_input_tokens INTEGER,
            reasoning_tokens INTEGER, score REAL, usage_apart TEXT, reason TEXT, error TEXT,
            words_since REAL, session TEXT, subject TEXT, request_id TEXT, source_row TEXT,
            slice TEXT)""",
        f"INSERT INTO call_kinds ({_NAMES}) SELECT DISTINCT {_NAMES} FROM calls",
        f"CREATE INDEX kinds_for_now ON call_kinds ({_NAMES})",
        f"""INSERT INTO call_rows (n, kind, {_OWN})
            SELECT calls.n, call_kinds.n, {_OF_CALLS} FROM calls CROSS JOIN call_kinds
            ON {_THE_SAME} ORDER BY calls.n""",
        "DROP INDEX kinds_for_now",
        "DROP TABLE calls",
        "ALTER TABLE attempts RENAME TO attempt_rows",
        "CREATE INDEX calls_by_age ON call_rows (words_since) WHERE words_since IS NOT NULL",
        f"""CREATE VIEW calls AS SELECT {_CALL}
            FROM call_rows JOIN call_kinds ON call_kinds.n = call_rows.kind""",
        f"""CREATE VIEW attempts AS SELECT {_ATTEMPT} FROM attempt_rows
            UNION ALL SELECT {_ONLY_ATTEMPT}
            FROM call_rows JOIN call_kinds ON call_kinds.n = call_rows.kind
            WHERE call_kinds.purpose IS NOT NULL""",
        f"""CREATE TRIGGER call_of_older INSTEAD OF INSERT ON calls BEGIN
            INSERT INTO call_kinds ({_NAMES}) SELECT {_NEW_KIND}
            WHERE NOT EXISTS (SELECT 1 FROM call_kinds WHERE {_OF_OLDER});
            INSERT OR IGNORE INTO call_rows (n, kind, {_OWN})
            SELECT NEW.n, (SELECT n FROM call_kinds WHERE {_OF_OLDER}), {_new(_OWN)}; END""",
        f"""CREATE TRIGGER attempt_of_older INSTEAD OF INSERT ON attempts BEGIN
            INSERT INTO attempt_rows ({_ATTEMPT}) SELECT {_new(_ATTEMPT)}; END""",
        f"""CREATE TRIGGER call_changed_by_older INSTEAD OF UPDATE ON calls BEGIN
            UPDATE call_rows SET ({_CHANGED}) = ({_new(_CHANGED)}) WHERE n = OLD.n; END""",
        """CREATE TRIGGER attempt_changed_by_older INSTEAD OF UPDATE ON attempts BEGIN
            UPDATE attempt_rows SET (error, cost_usd) = (NEW.error, NEW.cost_usd)
            WHERE call = OLD.call AND n = OLD.n; END""",
    ):
        connection.execute(statement)


def _new(names: str, table: str = "NEW") -> str:
    return ", ".join(f"{table}.{name.strip()}" for name in names.split(","))


_KINDS = (
    *("source TEXT NOT NULL", "model TEXT NOT NULL", "task TEXT", "requested_model TEXT"),
    *("snapshot TEXT", "usage_estimated INTEGER NOT NULL", "stream INTEGER NOT NULL"),
    *("decision TEXT", "policy_digest TEXT", "key_name TEXT"),
)
"""What is a kind's of the calls there are."""
_NAMES = ", ".join(column.split()[0] for column in _KINDS)
_THE_SAME = " AND ".join(f"call_kinds.{name} IS calls.{name}" for name in _NAMES.split(", "))
_NEW_KIND = _new(_NAMES)
_OF_OLDER = "digest IS NULL AND " + _THE_SAME.replace("calls.", "NEW.")
"""A kind that was not entered by its digest; there is one of a sort at most."""
_OWN = (
    "id, fingerprint, source_row, slice, started_at, latency_s, first_byte_s, input_tokens, "
    "output_tokens, cached_input_tokens, reasoning_tokens, usage_apart, cost_usd, status, error, "
    "reason, session, subject, request_id, words_since"
)
_OF_CALLS = _new(_OWN, "calls")
_CHANGED = "cost_usd, status, error, session, subject, request_id, words_since"
_CALL = """
    call_rows.n AS n, id, source, model, fingerprint, task, source_row, slice, requested_model,
    snapshot, started_at, latency_s, first_byte_s, input_tokens, output_tokens,
    cached_input_tokens, reasoning_tokens, usage_estimated, usage_apart, cost_usd, status, error,
    stream, decision, coalesce(call_rows.reason, call_kinds.reason) AS reason, policy_digest,
    session, subject, request_id, key_name, words_since"""
_ATTEMPT = """
    call, n, model, purpose, status, error, input_tokens, output_tokens, cached_input_tokens,
    reasoning_tokens, usage_estimated, usage_apart, cost_usd, latency_s, first_byte_s,
    finish_reason, snapshot, checks, signals, score"""
_ONLY_ATTEMPT = """
    call_rows.n, 0, model, purpose, attempt_status, NULL, input_tokens, output_tokens,
    cached_input_tokens, reasoning_tokens, usage_estimated, usage_apart, cost_usd,
    attempt_latency_s, attempt_first_byte_s, finish_reason, snapshot, checks, '{}', score"""
