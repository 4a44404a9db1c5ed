import dataclasses
import signal
import subprocess
import sys

import pytest

from downroute.errors import StoreError
from downroute.records import Purpose, Usage
from downroute.store import JournalEntry, JournalKey, Spending, Store

KEY = JournalKey("openai", "small", "digest", Purpose.ANSWER)
ENTRY = JournalEntry(
    body={"model": "small-1", "choices": [{"message": {"content": "hallo \ud83d"}}]},
    usage=Usage(10, 2),
    cost_usd=0.25,
    latency_s=0.5,
    status=200,
)


def test_what_came_back_is_found_again(store):
    assert store.journal.get(KEY) is None
    store.journal.begin(KEY, "s1", 0.3)
    assert store.journal.get(KEY) is None
    store.journal.finish(KEY, ENTRY)
    assert store.journal.get(KEY) == ENTRY
    others = [
        dataclasses.replace(KEY, upstream="other"),
        dataclasses.replace(KEY, model="other"),
        dataclasses.replace(KEY, request_digest="other"),
        dataclasses.replace(KEY, purpose=Purpose.SELF_CHECK),
        dataclasses.replace(KEY, repeat=1),
    ]
    assert store.journal.get_many([KEY, *others]) == {KEY: ENTRY}


def test_asking_again_counts_the_tries_and_the_last_answer_stands(store):
    store.journal.begin(KEY, "s1", 0.3)
    store.journal.finish(KEY, JournalEntry(error="HTTP 503: busy", status=503, tries=3))
    assert store.journal.get(KEY).error == "HTTP 503: busy"
    store.journal.begin(KEY, "s2", 0.3)
    assert store.journal.get(KEY).error == "HTTP 503: busy"
    store.journal.finish(KEY, ENTRY)
    assert store.journal.get(KEY) == dataclasses.replace(ENTRY, tries=4)


def test_an_answer_nobody_asked_for_is_refused(store):
    with pytest.raises(StoreError, match="not in the journal"):
        store.journal.finish(KEY, ENTRY)
    store.journal.begin(KEY, "s1", None)
    store.journal.finish(KEY, ENTRY)
    with pytest.raises(StoreError, match="not in the journal"):
        store.journal.finish(KEY, ENTRY)


def test_spending_keeps_what_was_paid_apart_from_what_may_have_been(store):
    keys = [dataclasses.replace(KEY, repeat=i) for i in range(5)]
    for key, estimate in zip(keys, [1.0, 1.0, 0.125, None, 9.0], strict=True):
        store.journal.begin(key, "other" if estimate == 9.0 else "s1", estimate)
    store.journal.finish(keys[0], ENTRY)
    store.journal.finish(keys[1], JournalEntry())
    assert store.journal.spent("s1") == Spending(0.25, 0.125, unpriced=2)
    assert store.journal.spent().possibly_paid_usd == 9.125
    assert store.journal.spent("unheard of") == Spending(0.0, 0.0, 0)
    assert [(a.key.repeat, a.study) for a in store.journal.unfinished()] == [
        (2, "s1"),
        (3, "s1"),
        (4, "other"),
    ]
    assert [a.estimated_cost_usd for a in store.journal.unfinished("s1")] == [0.125, None]


CHILD = """
import sys, time
from pathlib import Path
from downroute.store import JournalEntry, JournalKey, Store

store = Store.open(Path(sys.argv[1]))
with store.lock("study"):
    for repeat in range(20):
        store.journal.begin(JournalKey("u", "m", "d", "answer", repeat), "s1", 0.5)
        if repeat < 17:
            key = JournalKey("u", "m", "d", "answer", repeat)
            store.journal.finish(key, JournalEntry(body={"n": repeat}, cost_usd=0.25))
    print("asked", flush=True)
    time.sleep(60)
"""


def test_a_killed_study_leaves_its_answers_what_was_in_flight_and_no_lock(tmp_path):
    child = subprocess.Popen([sys.executable, "-c", CHILD, tmp_path], stdout=subprocess.PIPE)
    assert child.stdout.readline() == b"asked\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    with Store.open(tmp_path) as store, store.lock("study"):
        keys = [JournalKey("u", "m", "d", "answer", n) for n in range(20)]
        answered = store.journal.get_many(keys)
        assert [entry.body["n"] for entry in answered.values()] == list(range(17))
        assert [ask.key.repeat for ask in store.journal.unfinished("s1")] == [17, 18, 19]
        assert store.journal.spent("s1") == Spending(17 * 0.25, 1.5, unpriced=0)
