from downroute.records import Answer, Decision
from downroute.store import Feedback, FeedbackGroup, Store

CANARY = "Ishbel"


def all_bytes(directory) -> bytes:
    return b"".join(file.read_bytes() for file in directory.iterdir())


def test_of_two_words_by_one_grader_the_later_stands_whichever_comes_first(store):
    later, earlier = Feedback("c1", 0.0, 20.0, "ada"), Feedback("c1", 1.0, 10.0, "ada")
    store.feedback.add([later, earlier])
    store.feedback.add([later])
    assert list(store.feedback.each()) == [later]


def test_calls_are_grouped_by_their_graders_mean(store, make_call):
    for number, decision in enumerate([Decision.ACCEPTED, Decision.ACCEPTED, Decision.ESCALATED]):
        call = make_call(f"c{number}", task="t", decision=decision, started_at=100.0 + number)
        store.calls.add([call])
    store.calls.add([make_call("imported", task="t")])
    store.feedback.add(
        [
            Feedback("c0", 1.0, 1.0, "ada"),
            Feedback("c0", 0.0, 1.0, "bob"),
            Feedback("c1", 0.25, 1.0),
            Feedback("c2", 1.0, 1.0),
            Feedback("imported", 1.0, 1.0),
            Feedback("nowhere", 1.0, 1.0),
        ]
    )
    assert store.feedback.groups() == [
        FeedbackGroup("t", "", "large", "accepted", 2, 0, 1, 0.375),
        FeedbackGroup("t", "", "large", "escalated", 1, 1, 0, 1.0),
    ]
    assert store.feedback.scores(since=101.0) == {"c1": 0.25, "c2": 1.0}
    assert store.feedback.unknown() == 1


def test_comments_go_with_the_words_they_are_about(tmp_path, make_call):
    with Store.open(tmp_path / "s") as store:
        call = make_call("c1", answer=Answer(text="x"), subject="p", started_at=50.0)
        store.calls.add([call, make_call("c2")])
        said = [
            Feedback("c1", 0.0, 100.0, "g1", f"to {CANARY} " * 3000),
            Feedback("c2", 0.0, 100.0, "p", f"by {CANARY}"),
            Feedback("c2", 0.0, 300.0, "g2", "Torquil"),
        ]
        store.feedback.add(said, "full")
        assert store.purge.kept().comments == 3
        assert store.purge.subject("p").comments == 2
        data = all_bytes(tmp_path / "s")
        assert CANARY.encode() not in data and b"Torquil" in data
        assert store.purge.before(200.0).comments == 0
        assert store.purge.before(301.0).comments == 1
        assert [(f.score, f.grader, f.comment) for f in store.feedback.each()] == [
            (0.0, "", None)
        ] * 3


def test_half_a_surrogate_pair_is_taken(store):
    store.feedback.add([Feedback("c1", 1.0, 1.0, "g\ud83d", "broken \ud83d")], "full")
    assert [f.comment for f in store.feedback.each()] == ["broken ?"]
