import pytest

from downroute.answers.same import same_answer
from downroute.answers.shape import Shape
from downroute.records import Answer, ToolCall


def text(value):
    return Answer(text=value)


@pytest.mark.parametrize(
    ("one", "other", "shape", "same"),
    [
        ("**B**", "Answer: b.", Shape.CLASSIFICATION, True),
        ("B", "B) Paris", Shape.CLASSIFICATION, False),
        ("$1,200", "It is 1200 dollars.", Shape.NUMBER, True),
        ("50 %", "0.5", Shape.NUMBER, False),
        ("no idea", "none", Shape.NUMBER, False),
        ('{"a": 1, "b": [2]}', '{ "b": [2], "a": 1 }', Shape.JSON, True),
        ('{"a": 1}', '{"a": "1"}', Shape.JSON, False),
        ('{"a": 1}', '```json\n{"a": 1}\n```', Shape.JSON, False),
        ('{"a": 1}', 'Sure: {"a": 1}', Shape.JSON, False),
        ("Nicholas Nickleby", "nicholas  nickleby.", Shape.SHORT_TEXT, True),
        ("One story.", "Another story.", Shape.LONG_TEXT, False),
        ("", " ", Shape.SHORT_TEXT, True),
        ('{"x": 5}', '{"x": "5"}', Shape.SHORT_TEXT, False),
    ],
)
def test_two_answers_are_the_same_by_the_norms_of_their_shape(one, other, shape, same):
    assert same_answer(text(one), text(other), shape) is same
    assert same_answer(text(other), text(one), shape) is same


def test_equal_words_do_not_make_different_calls_the_same():
    one = Answer(text="ok", tool_calls=(ToolCall("f", '{"a": 1}'),))
    other = Answer(text="ok", tool_calls=(ToolCall("f", '{"a": 2}'),))
    assert not same_answer(one, other, Shape.SHORT_TEXT)
    assert not same_answer(one, other, Shape.TOOL_CALLS)
    assert same_answer(one, Answer(tool_calls=one.tool_calls), Shape.TOOL_CALLS)
