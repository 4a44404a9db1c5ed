import sqlite3

from downroute.prompts import request_digest
from downroute.records import Answer, Attempt, BadRow, Purpose, RecordedScore
from downroute.store import JournalEntry, JournalKey, Store

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
        reader.close()
        assert store.purge.subject("p").finished
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
