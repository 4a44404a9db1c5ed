import pytest

from downroute.records import Answer
from downroute.scoring.spec import build_scorer

PASSES, FAILS, UNSCORED = {"contains": "x"}, {"contains": "y"}, "finish_reason"


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"all_of": [PASSES, PASSES]}, 1),
        ({"all_of": [PASSES, FAILS, UNSCORED]}, 0),
        ({"all_of": [PASSES, UNSCORED]}, None),
        ({"any_of": [FAILS, PASSES, UNSCORED]}, 1),
        ({"any_of": [FAILS, UNSCORED]}, None),
        ({"any_of": [FAILS, FAILS]}, 0),
        ({"weighted": {"of": [PASSES, FAILS], "weights": [3, 1]}}, 0.75),
        ({"weighted": {"of": [PASSES, FAILS], "pass_at": 0.6}}, 0),
        ({"weighted": [PASSES, UNSCORED]}, None),
        ({"not_": FAILS}, 1),
        ({"not_": UNSCORED}, None),
        ({"not_": {"all_of": [PASSES, {"any_of": [FAILS, PASSES]}]}}, 0),
    ],
)
def test_parts_make_one_score(spec, expected):
    assert build_scorer(spec).score(Answer(text="x z"), None, {}).value == expected


def test_answers_tie_only_where_all_parts_say_so():
    scorer = build_scorer({"all_of": ["token_f1", "json_valid"]})
    one, other = Answer(text='{"answer": "a"}'), Answer(text="a")
    assert build_scorer("token_f1").same(one, other)
    assert not scorer.same(one, other)
    assert scorer.needs_reference
