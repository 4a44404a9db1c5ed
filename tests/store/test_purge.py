import sqlite3
import time

from downroute.prompts import request_digest
from downroute.records import Answer, Attempt, BadRow, Purpose, RecordedScore
from downroute.store import Feedback, JournalEntry, JournalKey, Store
from downroute.store.migrations import MIGRATIONS, ages_of_words
from downroute.store.purge import Purged

CANARY = "Ishbel"


def all_bytes(directory) -> bytes:
    return b"".join(file.read_bytes() for file in directory.iterdir())


def said(make_call, id: str, secret: str, **fields):
    request = {"messages": [{"role": "user", "content": f"{id} {secret} " * 3000}]}
    return make_call(
        id,
        request=request,
        answer=Answer(text=f"dear {secret}"),
        error=f"HTTP 400: {secret}",
        attempts=(Attempt(model="m", error=f"HTTP 400: {secret}"),),
        **fields,
    )


def test_nothing_a_purged_person_said_is_in_any_byte_and_others_words_stay(tmp_path, make_call):
    with Store.open(tmp_path / "s") as store:
        mine = said(make_call, "c1", CANARY, subject="person-one", session="person-one-s")
        store.calls.add([mine, said(make_call, "c2", "Torquil", subject="person-two")])
        assert CANARY.encode() in all_bytes(tmp_path / "s")
        purged = store.purge.subject("person-one")
        assert (purged.bodies, purged.finished) == (1, True)
        for data in [all_bytes(tmp_path / "s")]:
            assert CANARY.encode() not in data
            assert b"person-one" not in data
            assert b"Torquil" in data
        gone = next(c for c in store.calls.each(with_bodies=True) if c.id == "c1")
        assert (gone.request, gone.error, gone.attempts[0].error) == (None, "HTTP 400", "HTTP 400")
        assert store.purge.subject("person-one").bodies == 0


def test_a_purge_by_date_takes_what_is_older_only(tmp_path, make_call):
    with Store.open(tmp_path / "s") as store:
        calls = [said(make_call, "old", CANARY, started_at=100.0), said(make_call, "undated", "x")]
        store.calls.add([*calls, said(make_call, "new", "Torquil", started_at=200.0)])
        kept = store.purge.kept()
        assert (kept.bodies, kept.oldest_body_at, kept.undated_bodies) == (3, 100.0, 1)
        assert store.purge.before(200.0).bodies == 1
        assert CANARY.encode() not in all_bytes(tmp_path / "s")
        assert store.purge.kept().bodies == 2


def test_a_purge_of_everything_leaves_figures_alone(tmp_path, make_call):
    with Store.open(tmp_path / "s") as store:
        score = RecordedScore("t", "r", "m", f"{CANARY}-digest", "answer-digest", 1.0)
        row = BadRow("log.jsonl", 3, "not JSON", f"{{{CANARY}")
        store.add([said(make_call, "c1", CANARY, cost_usd=0.25), score, row])
        purged = store.purge.everything()
        assert (purged.bodies, purged.rejected_texts, purged.recorded_scores) == (1, 1, 1)
        assert CANARY.encode() not in all_bytes(tmp_path / "s")
        assert next(store.calls.each()).cost_usd == 0.25
        assert store.purge.kept()[1:5] == (0, 0, 0, 0)


def test_a_reader_in_the_way_is_said_and_a_second_purge_finishes(tmp_path, make_call):
    with Store.open(tmp_path / "s", busy_timeout_s=0.2) as store:
        store.calls.add([said(make_call, "c1", CANARY, subject="p")])
        reader = sqlite3.connect(store.path, isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM bodies").fetchone()
        assert not store.purge.subject("p").finished
        assert not store.purge.expired(0.0).finished
        reader.close()
        assert store.purge.expired(0.0).finished
        assert CANARY.encode() not in all_bytes(tmp_path / "s")


def test_what_a_study_was_answered_on_a_person_s_request_goes_with_it(tmp_path, make_call):
    with Store.open(tmp_path / "s") as store:
        call = said(make_call, "c1", "x", subject="p")
        store.calls.add([call])
        mine = JournalKey("openai", "small", request_digest(call.request), Purpose.ANSWER)
        other = JournalKey("openai", "small", "other", Purpose.ANSWER)
        for key, text in ((mine, CANARY), (other, "Torquil")):
            store.journal.begin(key, "s1", 0.1)
            store.journal.finish(key, JournalEntry(body={"said": text}, cost_usd=0.1))
        before = store.journal.spent("s1")
        assert store.purge.subject("p").asked_answers == 1
        assert store.journal.get(mine) is None
        assert store.journal.get(other) is not None
        assert store.journal.spent("s1") == before
        assert CANARY.encode() not in all_bytes(tmp_path / "s")


def full(store, make_call, at: float, secret: str, monkeypatch) -> None:
    """One of everything that can be said in a store, held since ``at``."""
    monkeypatch.setattr(time, "time", lambda: at)
    call = said(make_call, f"c-{secret}", secret, subject=f"s-{secret}", request_id=f"r-{secret}")
    score = RecordedScore("t", "r", "m", f"{secret}-digest", "answer-digest", 1.0)
    store.add([call, score, BadRow(f"{secret}.jsonl", 3, "not JSON", f"{{{secret}")])
    key = JournalKey("openai", "small", f"digest {secret}", Purpose.ANSWER)
    store.journal.begin(key, "s1", 0.1)
    store.journal.finish(key, JournalEntry(body={"said": secret}, cost_usd=0.1))
    store.feedback.add([Feedback(f"c-{secret}", 1.0, at, f"g-{secret}", f"by {secret}")], "full")


def test_what_has_expired_is_in_no_byte_and_what_has_not_is_as_it_was(
    tmp_path, make_call, monkeypatch
):
    with Store.open(tmp_path / "s") as store:
        full(store, make_call, 1000.0, CANARY, monkeypatch)
        full(store, make_call, 2000.0, "Torquil", monkeypatch)
        before = [c for c in store.calls.each(with_bodies=True) if c.id == "c-Torquil"]
        gone = store.purge.expired(1500.0)
        assert gone == Purged(1, 1, 1, 1, 1, finished=True)
        data = all_bytes(tmp_path / "s").replace(b"c-Ishbel", b"").replace(b"Ishbel.jsonl", b"")
        assert CANARY.encode() not in data, "but for the ids of call and file"
        assert data.count(b"Torquil") > 6000
        old, kept = store.calls.each(with_bodies=True)
        assert [kept] == before
        assert (old.request, old.subject, old.session, old.error) == (None, None, None, "HTTP 400")
        assert store.feedback.scores() == {"c-Ishbel": 1.0, "c-Torquil": 1.0}
        assert not store.purge.expired(1500.0).any


def test_what_was_said_long_ago_but_imported_today_has_not_expired(tmp_path, make_call):
    with Store.open(tmp_path / "s") as store:
        store.calls.add([said(make_call, "c1", CANARY, started_at=10.0)], at=5000.0)
        assert not store.purge.expired(4000.0).any
        assert store.purge.expired(5001.0).bodies == 1


def test_others_write_between_the_steps_of_a_large_purge_and_it_can_be_left(tmp_path, make_call):
    with Store.open(tmp_path / "s") as store, Store.open(tmp_path / "s") as other:
        store.calls.add([make_call(f"c{n}") for n in range(950)], at=1.0)
        written = []

        def go_on() -> bool:
            written.append(other.calls.add([make_call(f"new{len(written)}")], at=9.0).new)
            return len(written) != 3

        assert store.purge.expired(5.0, go_on).bodies == 600
        assert store.purge.expired(5.0, go_on).bodies == 350
        assert sum(written) == len(written) > 5
        assert store.purge.kept().bodies == len(written)


def test_the_clock_of_what_an_older_store_holds_begins_when_it_is_brought_up_to_date():
    connection = sqlite3.connect(":memory:")
    for migrate in MIGRATIONS[: MIGRATIONS.index(ages_of_words)]:
        migrate(connection)
    connection.execute(
        "INSERT INTO calls (id, source, model, fingerprint, stream, started_at) "
        "VALUES ('c', 's', 'm', 'f', 0, 10.0)"
    )
    connection.execute("INSERT INTO rejected VALUES ('file', 1, 'not JSON', 'words')")
    began = time.time()
    ages_of_words(connection)
    for table in ("calls", "rejected"):
        assert connection.execute(f"SELECT words_since FROM {table}").fetchone()[0] >= began
    connection.close()
