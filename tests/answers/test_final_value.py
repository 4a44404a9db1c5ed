import pytest

from downroute.answers.final_value import final_key, final_reference, final_value
from downroute.records import Answer


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"reasoning": "because", "answer": "18"}', "18"),
        ('```json\n{"answer": 18}\n```', 18),
        ('Here you are:\n{"reasoning": "a", "Answer": "B"}', "B"),
        ('{"label": "x", "answer": "y"}', "y"),
        ('{"topic": "x"}', "x"),
        ('"billing"', "billing"),
        ("[1, 2]", [1, 2]),
        ("13.110", "13.110"),
        ("Paris, as [1] says", "Paris, as [1] says"),
        ('{"name": "x", "total": 2}', '{"name": "x", "total": 2}'),
    ],
)
def test_an_answer_comes_to_its_final_field_or_its_text(text, value):
    assert final_value(Answer(text=text)).value == value


def test_a_named_field_is_a_path():
    answer = Answer(text='{"result": {"items": [{"Name": "x"}]}}')
    assert final_value(answer, "result.items.0.name").value == "x"
    assert final_value(answer, "result.total").missing == "the answer has no field 'result.total'"
    assert final_value(answer, "result.items.7").missing is not None


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(), "the answer has no text"),
        (Answer(text=" \n"), "the answer has no text"),
        (Answer(text="18"), "the answer holds no JSON"),
    ],
)
def test_why_there_is_no_value_is_said(answer, reason):
    assert final_value(answer, "answer").missing == reason


def test_a_reference_comes_to_the_same_field():
    assert final_reference({"answer": "5", "explanation": "2 + 3"}).value == "5"
    assert final_reference({"a": {"b": 1}, "c": 2}, "a.b").value == 1
    assert final_reference(["x", "y"]).value == ["x", "y"]
    assert final_reference(None).missing == "there is no reference"


def test_the_final_key_follows_convention_whatever_its_case():
    assert final_key({"Reason": 1, "Label": 2}) == "Label"
    assert final_key({"a": 1, "b": 2}) is None
