import pytest

from downroute.errors import UsageError
from downroute.records import Answer
from downroute.scoring.number import NumberScorer


def score(text, reference, **options):
    return NumberScorer(**options).score(Answer(text=text), reference, {})


@pytest.mark.parametrize(
    ("text", "reference", "value"),
    [
        ("She makes $2,125.00 a day.", "2,125", 1),
        ('{"reasoning": "3 + 4", "answer": "7 apples"}', 7, 1),
        ('{"reasoning": "3 \\( + 4", "answer": 7', "7", 1),
        ("50 %", 0.5, 1),
        ("12", ["11", "12"], 1),
        ("-12", 12, 0),
        ("12:30", "12:30", 1),
        ("-221_3", "-221_3", 1),
        ("-221", "-221_3", 0),
        ("no idea", 5, 0),
        ("5", "a large one", None),
        ("5", None, None),
    ],
)
def test_numbers_are_compared_by_value(text, reference, value):
    assert score(text, reference).value == value


def test_a_tolerance_may_be_absolute_or_relative():
    assert score("9.99", 10, tolerance=0.01).value == 1
    assert score("9.98", 10, tolerance=0.01).value == 0
    assert score("990", 1000, relative=0.01).value == 1
    with pytest.raises(UsageError, match="0 or more"):
        NumberScorer(tolerance=-1)


def test_a_named_field_must_be_there():
    assert score("18", "18", field="answer").reason == "the answer holds no JSON"
    assert score('{"result": 18}', "18", field="answer").value == 0


def test_equal_numbers_are_the_same_and_close_ones_are_not():
    scorer = NumberScorer(tolerance=1)
    assert scorer.same(Answer(text="1,000 km"), Answer(text="It is 1000"))
    assert not scorer.same(Answer(text="1000"), Answer(text="1000.5"))
