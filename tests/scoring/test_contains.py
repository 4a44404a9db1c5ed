import pytest

from downroute.records import Answer
from downroute.scoring.contains import Contains


@pytest.mark.parametrize(
    ("text", "reference", "options", "value"),
    [
        ("It is in New\nYork, I think.", "new york", {}, 1),
        ("There are 118 of them", "18", {}, 0),
        ("There are 118 of them", "18", {"words": False}, 1),
        ("the answer is Paris", ["Rome", "paris"], {}, 1),
        ("the answer is Paris", ["Rome", "paris"], {"all": True}, 0),
        ("the answer is Paris", "paris", {"case": True}, 0),
        ("答案是北京市", "北京", {}, 1),
        ("", "x", {}, 0),
        ("x", "", {}, None),
        ("x", None, {}, None),
    ],
)
def test_words_are_found_as_asked(text, reference, options, value):
    assert Contains(**options).score(Answer(text=text), reference, {}).value == value


def test_values_of_its_own_need_no_reference():
    scorer = Contains(values=("terms apply", 5))
    assert not scorer.needs_reference
    assert scorer.score(Answer(text="5 days. Terms apply."), None, {}).value == 1
    assert scorer.same(Answer(text="A  b"), Answer(text="a b"))
