"""A store that an older version has written, or still writes, is read as what it was."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from msgspec import structs

from downroute.records import Answer, Attempt, Call, Decision, Purpose, Usage
from downroute.store import Store
from downroute.store.database import APPLICATION_ID

ONE = Usage(7, 3)
LARGE = Usage(100, 20, 60, 5, estimated=True)
FULL = Call(
    id="full",
    source="test",
    model="large",
    fingerprint="f1",
    request={"messages": [{"role": "user", "content": "question full"}]},
    answer=Answer(text="bug", finish_reason="stop"),
    task="triage",
    row="r1",
    reference={"label": "bug"},
    slice="de",
    requested_model="large",
    snapshot="large-2024-08-06",
    started_at=1_700_000_000.25,
    latency_s=1.5,
    first_byte_s=0.25,
    usage=LARGE,
    cost_usd=0.0125,
    status=200,
    error="HTTP 500: overloaded",
    stream=True,
    decision=Decision.ESCALATED,
    reason="check one_of failed",
    policy_digest="sha256:1",
    session="s1",
    subject="person 7",
    request_id="q1",
    key_name="k",
    attempts=(
        Attempt(
            model="small",
            status=200,
            usage=LARGE,
            cost_usd=0.001,
            latency_s=0.5,
            first_byte_s=0.1,
            finish_reason="length",
            snapshot="small-1",
            checks={"one_of": False, "json_schema": None},
            signals={"mean_logprob": -0.5, "self_check": None},
            score=0.75,
            answer=Answer(text="no bug"),
        ),
        Attempt(model="large", purpose=Purpose.SHADOW, error="timeout: after 3 s"),
    ),
)


def plain(i: int, cost_usd: float | None = 0.25) -> Call:
    attempt = Attempt(
        "small",
        status=200,
        usage=ONE,
        cost_usd=cost_usd,
        latency_s=0.4,
        finish_reason="stop",
        snapshot="s-1",
    )
    return Call(
        id=f"plain {i}",
        source="gateway",
        model="small",
        fingerprint="f2",
        task="t",
        requested_model="small",
        snapshot="s-1",
        started_at=1_700_000_100.0 + i,
        latency_s=0.5,
        usage=ONE,
        cost_usd=cost_usd,
        status=200,
        decision=Decision.DIRECT,
        reason="one model",
        policy_digest="d",
        attempts=(attempt,),
    )


OLD = [FULL, Call(id="bare", source="test", model="m"), plain(0), plain(1), plain(2, None)]


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Store]:
    """What the version before kinds of calls wrote (`format_8.sql` is a dump of it), opened."""
    with closing(sqlite3.connect(tmp_path / "store.db")) as made:
        made.executescript(Path(__file__).with_name("format_8.sql").read_text(encoding="utf-8"))
        made.execute("PRAGMA user_version = 8")
        made.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    with Store.open(tmp_path, create=False) as store:
        yield store


def raw(store: Store, statement: str, values: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(store.path)) as connection, connection:
        return connection.execute(statement, values).fetchall()


def test_calls_of_an_older_version_come_back_as_they_were(old: Store) -> None:
    assert list(old.calls.each(with_bodies=True)) == OLD
    assert [c.id for c in old.calls.each(task="t", models=["small"])] == [c.id for c in OLD[2:]]
    assert [(g.task, g.model, g.calls) for g in old.calls.summary()] == [
        ("t", "small", 3),
        (None, "m", 1),
        ("triage", "large", 1),
    ]
    assert old.feedback.scores() == {"plain 0": 1.0}
    assert raw(old, "PRAGMA integrity_check") == [("ok",)]


def test_calls_are_added_to_those_of_an_older_version(old: Store) -> None:
    again = structs.replace(plain(0), model="other")
    assert old.calls.add([again, plain(7), structs.replace(FULL, id="full 2")]) == (2, 1)
    added = [plain(7), structs.replace(FULL, id="full 2")]
    assert list(old.calls.each(with_bodies=True)) == [*OLD, *added]


def test_costs_that_an_older_version_did_not_know_are_filled_in(old: Store) -> None:
    old.calls.add([plain(8, None)])
    assert old.calls.fill_missing_costs(lambda model, _snapshot, _usage: float(len(model))) == 2
    found = {c.id: c for c in old.calls.each(ids=["plain 2", "plain 8"])}
    assert list(found.values()) == [plain(2, 5.0), plain(8, 5.0)]


def test_what_was_said_to_an_older_version_is_deleted_like_any_other(old: Store) -> None:
    assert old.purge.subject("person 7").bodies == 1
    call = next(old.calls.each(with_bodies=True))
    assert (call.request, call.answer, call.subject, call.error) == (None, None, None, "HTTP 500")
    assert call.attempts[1].error == "timeout"


def test_a_gateway_of_an_older_version_goes_on_writing(old: Store) -> None:
    """Its statements, word for word: nothing of it is lost, nothing entered twice."""
    calls = (
        "INSERT OR IGNORE INTO calls (n, id, source, model, fingerprint, task, started_at, "
        "latency_s, input_tokens, output_tokens, usage_estimated, status, stream, decision) "
        "VALUES (?, ?, 'gateway', 'small', 'f2', 't', 5.0, 0.5, 7, 3, 0, 200, 0, 'direct')"
    )
    attempts = (
        "INSERT INTO attempts (call, n, model, purpose, status, usage_estimated, checks, signals) "
        "VALUES (?, 0, 'small', 'answer', 200, 0, '{}', '{}')"
    )
    with closing(sqlite3.connect(old.path)) as older, older:
        (first,) = older.execute("SELECT coalesce(max(n), 0) + 1 FROM calls").fetchone()
        for n, name in ((first, "late 1"), (first + 1, "late 2"), (first + 2, "plain 0")):
            older.execute(calls, (n, name))
        new = [n for (n,) in older.execute("SELECT n FROM calls WHERE n >= ?", (first,))]
        assert new == [first, first + 1]
        older.executemany(attempts, [(n,) for n in new])
        older.execute(
            "UPDATE calls SET status = ?, error = ? WHERE id IN (SELECT value FROM json_each(?))",
            (503, "log: not written", '["late 2"]'),
        )
        older.execute(
            "UPDATE attempts SET error = substr(error, 1, instr(error || ':', ':') - 1) "
            "WHERE error IS NOT NULL AND call IN (SELECT n FROM calls WHERE subject = 'person 7')"
        )
        older.execute("UPDATE calls SET subject = NULL WHERE subject = 'person 7'")
    late = list(old.calls.each())[len(OLD) :]
    assert [(c.id, c.task, c.decision, c.usage, c.status, c.error) for c in late] == [
        ("late 1", "t", Decision.DIRECT, ONE, 200, None),
        ("late 2", "t", Decision.DIRECT, ONE, 503, "log: not written"),
    ]
    assert [[a.status for a in c.attempts] for c in late] == [[200], [200]]
    full = next(old.calls.each())
    assert (full.subject, full.attempts[1].error) == (None, "timeout")


def test_whoever_reads_the_file_by_sql_sees_calls_and_attempts_whole(old: Store) -> None:
    old.calls.add([plain(9)])
    columns = "source, model, task, requested_model, snapshot, decision, reason, policy_digest"
    assert len(set(raw(old, f"SELECT {columns}, latency_s FROM calls WHERE task = 't'"))) == 1
    (before, after) = raw(
        old,
        "SELECT attempts.n, attempts.model, purpose, attempts.status, attempts.latency_s, checks, "
        "signals, finish_reason, attempts.cost_usd FROM attempts JOIN calls "
        "ON calls.n = attempts.call WHERE calls.id IN ('plain 0', 'plain 9') ORDER BY call",
    )
    assert before == after == (0, "small", "answer", 200, 0.4, "{}", "{}", "stop", 0.25)
