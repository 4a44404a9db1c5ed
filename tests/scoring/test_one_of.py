from downroute.records import Answer
from downroute.scoring.one_of import OneOf


def test_an_answer_is_one_of_the_labels_or_not():
    scorer = OneOf(labels=("billing", "bug", 3))
    assert not scorer.needs_reference
    assert scorer.score(Answer(text="**Bug**."), None, {}).value == 1
    assert scorer.score(Answer(text='{"label": "3"}'), None, {}).value == 1
    assert scorer.score(Answer(text="feature"), None, {}).value == 0
    assert scorer.score(Answer(), None, {}).value == 0


def test_without_labels_the_reference_lists_what_is_acceptable():
    scorer = OneOf()
    assert scorer.needs_reference
    assert scorer.score(Answer(text="nyc"), ["NYC", "New York"], {}).value == 1
    assert scorer.score(Answer(text="nyc"), None, {}).value is None
    assert scorer.same(Answer(text="NYC"), Answer(text="nyc."))
