import pytest

from downroute.answers.agreement import agreement
from downroute.records import Answer, ToolCall


def text(words):
    return Answer(text=words)


def calls(*pairs):
    return Answer(tool_calls=tuple(ToolCall(name, arguments) for name, arguments in pairs))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("B", "**B**", 1.0),
        ("B", "C", 0.0),
        ("$1,000", "1000", 1.0),
        ("1000", "1001", 0.0),
        ('{"reasoning": "a", "answer": "18"}', '```json\n{"answer": 18}\n```', 1.0),
        ('{"reasoning": "a", "answer": "18"}', '{"reasoning": "a", "answer": "19"}', 0.0),
        ('{"name": "Ann", "age": 3}', '{"age": 3, "name": "ann"}', 1.0),
        ('{"name": "Ann", "age": 3}', '{"age": 4, "name": "Ann"}', 0.5),
        ('{"tags": ["a", "b"]}', '{"tags": ["b", "a"]}', 1.0),
        ('{"name": "Ann", "age": 3}', "I do not know", 0.0),
        ("the cat sat on the mat " * 5, "the cat sat on the mat " * 5, 1.0),
    ],
)
def test_answers_agree_by_their_shape(one, other, expected):
    assert agreement(text(one), text(other)) == pytest.approx(expected)
    assert agreement(text(other), text(one)) == pytest.approx(expected)


def test_short_texts_that_are_alike_agree_in_part():
    assert 0.5 < agreement(text("Nicholas Nickleby"), text("Nickolas Nickleby")) < 1
    assert agreement(text("Nicholas Nickleby"), text("Martin Chuzzlewit")) < 0.6


def test_long_texts_agree_by_their_words_in_order():
    one = "the report says that sales rose by a tenth in spring and fell again in autumn " * 2
    assert agreement(text(one), text(one.replace("rose", "grew"))) == pytest.approx(30 / 32)


def test_programs_agree_whatever_their_comments():
    one = "```python\ndef f(x):\n    # twice\n    return 2 * x\n```"
    other = "Here it is:\n```python\ndef f(x):\n    return 2 * x\n```"
    assert agreement(text(one), text(other)) == 1.0


def test_calls_agree_by_function_and_argument():
    one = calls(("f", '{"a": 1, "b": "New York"}'))
    assert agreement(one, calls(("f", '{"b": "new york", "a": 1.0}'))) == 1.0
    assert agreement(one, calls(("f", '{"a": 1, "b": "Boston"}'))) == pytest.approx(2 / 3)
    assert agreement(one, calls(("g", '{"a": 1}'))) == 0.0
    assert agreement(one, text("no call")) == 0.0
    assert agreement(one, calls(("f", '{"a": 1, "b": "New York"}'), ("g", "{}"))) == 0.5


def test_nothing_said_agrees_with_nothing():
    assert agreement(Answer(), text("B")) is None
    assert agreement(text(" "), text(" ")) is None
