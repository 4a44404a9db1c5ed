import pytest

from downroute.records import Answer, Score
from downroute.scoring.exact import Exact


def score(text, reference, **options):
    return Exact(**options).score(Answer(text=text), reference, {}).value


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("**B**", "B"),
        ("B) Paris", "B"),
        ("Let me think.\nThe answer is (B).", "B"),
        ("billing.", "Billing"),
        ('```json\n{"reason": "…", "label": "billing"}\n```', "billing"),
        ('{"label": "billing"}', {"label": "Billing", "note": "sure"}),
        ("NYC", ["New York", "NYC"]),
        ("13.110", "13.110"),
        ('{"answer": 18.50}', "18.5"),
        ("[(4,1), (2,3)]", "[(4, 1), (2, 3)]"),
    ],
)
def test_spelling_does_not_count(text, reference):
    assert score(text, reference) == 1


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("A", "B"),
        ("Because of B", "B"),
        ("13.11", "13.110"),
        ("'ab'", "'aB'"),
        ("[1]", "1"),
        ("London", ["New York", "NYC"]),
    ],
)
def test_what_it_says_does(text, reference):
    assert score(text, reference) == 0


def test_a_field_is_compared_and_its_absence_fails():
    assert score('{"reasoning": "B", "pick": "C"}', "C", field="pick") == 1
    assert score("C", "C", field="pick") == 0
    assert score("Billing", "billing", case=True) == 0


def test_no_reference_is_unscored_and_no_answer_fails():
    assert Exact().score(Answer(text="B"), None, {}) == Score.unscored("there is no reference")
    assert Exact().score(Answer(), "B", {}) == Score(0.0, "the answer has no text")


def test_same_answers_tie_before_any_reference_is_known():
    scorer = Exact(field="answer")
    one, other = Answer(text='{"answer": "B"}'), Answer(text='```json\n{"answer": "b."}\n```')
    assert scorer.same(one, other)
    assert not scorer.same(one, Answer(text='{"answer": "C"}'))
    assert not scorer.same(one, Answer(text="B"))
