import pytest

from downroute.errors import UsageError
from downroute.records import Answer
from downroute.scoring.json_fields import JsonFields
from downroute.scoring.spec import build_scorer, describe

REFERENCE = {
    "vendor": "ACME Ltd.",
    "total": 1200,
    "paid": True,
    "note": None,
    "tags": ["new", "urgent"],
    "lines": [{"sku": "007", "n": 2}],
}
RIGHT = (
    '{"total": "1200.0", "vendor": "Acme  Ltd", "paid": true, "tags": ["urgent", "new"], '
    '"lines": [{"n": 2, "sku": "007"}], "note": ""}'
)


def score(text, reference=REFERENCE, **options):
    return JsonFields(**options).score(Answer(text=text), reference, {})


def test_every_field_right_passes_whatever_its_spelling():
    assert score(RIGHT).value == 1
    assert score(f"Sure:\n```json\n{RIGHT}\n```").value == 1


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        (RIGHT.replace('"007"', '"7"'), "lines[0].sku"),
        (RIGHT.replace("true", "false"), "paid"),
        (RIGHT.replace('"n": 2', '"n": 3'), "lines[0].n"),
        (RIGHT.replace('["urgent", "new"]', '["new", "new"]'), "tags[]"),
        (RIGHT.replace('"note": ""', '"note": "x"'), "note"),
    ],
)
def test_one_wrong_field_fails_and_is_named(wrong, path):
    assert score(wrong).value == 0
    assert path in score(wrong).reason


def test_a_threshold_forgives_and_none_gives_f1():
    wrong = RIGHT.replace("true", "false")
    assert score(wrong, pass_at=None).value == pytest.approx(12 / 14)
    assert score(wrong, pass_at=0.8).value == 1
    assert score('{"vendor": "acme ltd"}', pass_at=None).value == pytest.approx(2 / 8)


def test_only_the_named_fields_count():
    wrong = RIGHT.replace("true", "false").replace('"007"', '"7"')
    assert score(wrong, fields=("vendor", "total", "tags")).value == 1
    assert score(wrong, fields=("lines",)).value == 0
    assert score(wrong, fields=("missing",)).value is None


def test_fields_may_be_left_out_or_have_a_scorer_of_their_own():
    wrong = RIGHT.replace("true", "false").replace("1200.0", "1205")
    assert score(wrong, ignore=("paid", "total")).value == 1
    scorer = build_scorer(
        {"json_fields": {"ignore": ["paid"], "by": {"total": {"number": {"relative": 0.01}}}}}
    )
    assert build_scorer(describe(scorer)) == scorer
    assert scorer.score(Answer(text=wrong), REFERENCE, {}).value == 1
    far = scorer.score(Answer(text=wrong.replace("1205", "1300")), REFERENCE, {})
    assert (far.value, far.reason) == (0, "differs in total")
    missing = scorer.score(Answer(text='{"vendor": "ACME Ltd"}'), REFERENCE, {})
    assert "total" in missing.reason


def test_a_field_s_own_score_counts_as_its_share():
    by = {"json_fields": {"pass_at": None, "by": {"text": "token_f1"}}}
    wanted = {"text": "one two three", "n": 1}
    found = build_scorer(by).score(Answer(text='{"text": "one two four", "n": 1}'), wanted, {})
    assert found.value == pytest.approx((1 + 2 / 3) / 2)


def test_what_is_no_object_is_a_fault_of_answer_or_reference():
    assert score("I could not read it").value == 0
    assert score(RIGHT, "free text").value is None
    assert score('{"a": 1}', '{"a": 1}').value == 1
    with pytest.raises(UsageError, match="above 0 and up to 1"):
        JsonFields(pass_at=2)


def test_the_same_fields_in_other_types_or_dress_are_not_the_same_answer():
    same = JsonFields().same
    assert same(Answer(text=RIGHT), Answer(text=RIGHT.replace(", ", ",  ")))
    assert not same(Answer(text='{"a": 5}'), Answer(text='{"a": "5"}'))
    assert not same(Answer(text='{"a": 5}'), Answer(text='It is {"a": 5}'))


LINES = {"lines": [{"sku": "a", "n": 1, "tax": [{"k": "x"}, {"k": "y"}]}, {"sku": "b", "n": 2}]}
TURNED = '{"lines": [{"n": 2, "sku": "b"}, {"n": 1, "sku": "a", "tax": [{"k": "y"}, {"k": "x"}]}]}'


def test_objects_in_lists_are_matched_by_what_they_hold_where_order_does_not_count():
    assert score(TURNED, LINES).value == 0
    assert score(TURNED, LINES, any_order=True).value == 1
    wrong = score(TURNED.replace('"n": 2', '"n": 3'), LINES, any_order=True)
    assert (wrong.value, wrong.reason) == (0, "differs in lines[1].n")


def test_a_missing_and_an_added_object_cost_their_own_values_alone():
    wanted = [{"a": i, "b": i} for i in range(4)]
    some = score('[{"a": 3, "b": 3}, {"a": 1, "b": 1}]', wanted, any_order=True, pass_at=None)
    assert some.value == pytest.approx(2 * 4 / (4 + 8))
    more = (
        '[{"a": 9, "b": 9}, {"a": 2, "b": 2}, {"a": 1, "b": 1}, {"a": 0, "b": 0}, {"a": 3, "b": 3}]'
    )
    assert score(more, wanted, any_order=True, pass_at=None).value == pytest.approx(16 / 18)


def test_a_field_with_a_scorer_of_its_own_is_that_of_the_matched_object():
    scorer = build_scorer(
        "json_fields:any_order=true,by="
        '{"lines[0].n":{"number":{"tolerance":1}},"lines[1].n":{"number":{"tolerance":1}}}'
    )
    assert build_scorer(describe(scorer)) == scorer
    assert scorer.score(Answer(text=TURNED.replace('"n": 2', '"n": 3')), LINES, {}).value == 1


def test_without_a_reference_order_does_not_tell_answers_apart_either():
    one, other = Answer(text=TURNED), Answer(text=TURNED.replace("[{", "[{ "))
    turned = Answer(
        text='{"lines": [{"n": 1, "sku": "a", "tax": [{"k": "x"}, {"k": "y"}]}, '
        '{"n": 2, "sku": "b"}]}'
    )
    assert JsonFields().same(one, other)
    assert not JsonFields().same(one, turned)
    assert JsonFields(any_order=True).same(one, turned)
