import pytest

from downroute.errors import StoreError
from downroute.store import Grade, ServedPolicy, VerdictRecord

AT = 1_795_428_120.0  # 2026-11-23 10:02 UTC


def test_a_study_is_entered_when_it_starts_and_when_it_ends(store):
    first = store.ledger.begin_study({"margin": 0.05}, at=AT)
    second = store.ledger.begin_study({"margin": 0.1}, at=AT + 1)
    assert (first, second) == ("2026-11-23T10:02Z/1", "2026-11-23T10:02Z/2")
    store.ledger.finish_study(second, "done", {"tasks": []}, at=AT + 60)
    assert [(s.id, s.status, s.result) for s in store.ledger.studies()] == [
        (first, "running", None),
        (second, "done", {"tasks": []}),
    ]
    found = store.ledger.study(second)
    assert (found.settings, found.started_at, found.finished_at) == (
        {"margin": 0.1},
        AT + 1,
        AT + 60,
    )
    assert store.ledger.study("none") is None
    with pytest.raises(StoreError, match="no study 'none'"):
        store.ledger.finish_study("none", "done", {})


def test_verdicts_are_found_by_study_and_by_task(store):
    for study, task, verdict in [("s1", "a", 1), ("s1", "b", 2), ("s2", "a", 3), ("s1", "a", 4)]:
        store.ledger.add_verdict(study, task, {"n": verdict})
    assert store.ledger.verdicts(study_id="s1") == [
        VerdictRecord("s1", "a", {"n": 4}),
        VerdictRecord("s1", "b", {"n": 2}),
    ]
    assert [v.verdict["n"] for v in store.ledger.verdicts(task="a")] == [4, 3]
    assert len(store.ledger.verdicts()) == 3


def test_a_graders_second_grade_of_a_pair_replaces_the_first(store):
    grades = [
        Grade("a", "p1", "ann", {"baseline": 1.0, "candidate": 0.0}, AT),
        Grade("a", "p1", "bob", "tie", AT),
        Grade("b", "p2", "ann", 0.5, AT),
        Grade("a", "p1", "ann", {"baseline": 1.0, "candidate": 1.0}, AT + 5),
    ]
    assert store.ledger.add_grades(grades) == 4
    assert store.ledger.grades("a") == [grades[3], grades[1]]
    assert len(store.ledger.grades()) == 3


def test_a_policy_stands_as_it_was_first_served(store):
    assert store.ledger.add_policy("d1", "version: 1", "policy.yaml", at=AT)
    assert store.ledger.add_policy("d2", "version: 1 # changed", "policy.yaml", at=AT + 1)
    assert not store.ledger.add_policy("d1", "other text", "elsewhere.yaml", at=AT + 2)
    assert store.ledger.policy("d1") == ServedPolicy("d1", "version: 1", AT, "policy.yaml")
    assert store.ledger.policy("d3") is None
    assert [p.digest for p in store.ledger.policies()] == ["d1", "d2"]
