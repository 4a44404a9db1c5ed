import json

import pytest

from downroute.answers.tool_calls import calls_key, parsed_calls, plain_value
from downroute.records import Answer, ToolCall


def answer(*calls):
    return Answer(tool_calls=tuple(ToolCall(name, arguments) for name, arguments in calls))


def test_arguments_are_an_object_or_nothing():
    calls = parsed_calls(answer(("f", '{"a": 1}'), ("g", ""), ("h", "[1]"), ("i", "import os")))
    assert [c.arguments for c in calls] == [{"a": 1}, {}, None, None]


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ("New York, NY", "new york ny", True),
        ("2024-05-01", "2024/05/01", True),
        ("-33.5", "33.5", False),
        ("1.5", "15", False),
        ("1.50", "1.5", True),
        ("08540", "8540", False),
        (5, 5.0, True),
        (5, "5", False),
        (True, 1, False),
        ([1, {"a": "X"}], [1.0, {"a": "x"}], True),
    ],
)
def test_arguments_are_compared_in_one_spelling(one, other, equal):
    first = answer(("f", json.dumps({"a": one})))
    second = answer(("f", json.dumps({"a": other})))
    assert (calls_key(first) == calls_key(second)) is equal


def test_the_order_of_calls_does_not_count_but_their_number_does():
    one, two = ("f", '{"a": 1, "b": 2}'), ("g", "{}")
    assert calls_key(answer(one, two)) == calls_key(answer(two, ("f", '{"b": 2.0, "a": 1}')))
    assert calls_key(answer(one, one)) != calls_key(answer(one))


def test_big_and_odd_numbers_keep_their_value():
    assert plain_value(1e300) == 10**300 or isinstance(plain_value(1e300), int)
    assert plain_value("1.0") == "1"
