import json

import pytest

from downroute.records import Answer, ToolCall
from downroute.scoring.tool_call import ToolCallScorer


def answer(*calls):
    made = [ToolCall(n, a if isinstance(a, str) else json.dumps(a)) for n, a in calls]
    return Answer(tool_calls=tuple(made))


def score(made, reference, request=None):
    return ToolCallScorer().score(made, reference, request or {})


BOOK = [
    {
        "name": "book",
        "arguments": {"city": ["New York, NY", "NYC"], "nights": [2], "view": ["", "sea"]},
    }
]


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        ({"city": "new york ny", "nights": 2.0}, 1),
        ({"city": "NYC", "nights": 2, "view": "Sea"}, 1),
        ({"city": "NYC", "nights": 2, "view": None}, 1),
        ({"city": "NYC", "nights": 2, "floor": None}, 1),
        ({"city": "NYC", "nights": "2"}, 0),
        ({"city": "NYC"}, 0),
        ({"city": "NYC", "nights": 2, "floor": 1}, 0),
        ({"city": "NYC", "nights": None}, 0),
        ({"city": "LA", "nights": 2}, 0),
        ("not JSON", 0),
    ],
)
def test_each_argument_has_an_acceptable_value(arguments, value):
    assert score(answer(("book", arguments)), BOOK).value == value


def test_leaving_an_argument_out_is_passing_the_schemas_default():
    parameters = {"properties": {"floor": {"default": 1}, "nights": {"default": 2}}}
    tools = [{"type": "function", "function": {"name": "book", "parameters": parameters}}]
    made = answer(("book", {"city": "NYC", "floor": 1}))
    assert score(made, BOOK, {"tools": tools}).value == 1
    assert score(answer(("book", {"city": "NYC", "floor": 2})), BOOK, {"tools": tools}).value == 0


def test_calls_may_come_in_any_order_but_each_counts_once():
    wanted = [{"name": "f", "arguments": {"x": [1, 2]}}, {"name": "f", "arguments": {"x": [1]}}]
    assert score(answer(("f", {"x": 1}), ("f", {"x": 2})), wanted).value == 1
    assert score(answer(("f", {"x": 2}), ("f", {"x": 2})), wanted).value == 0
    assert score(answer(("f", {"x": 1})), wanted).reason == "1 calls made, 2 wanted"


def test_no_call_may_be_the_right_answer():
    assert score(Answer(text="There is no such function."), []).value == 1
    assert score(answer(("f", {})), []).value == 0
    assert score(Answer(text="book(NYC)"), BOOK).value == 0


@pytest.mark.parametrize(
    ("wanted", "given", "value"),
    [
        ([["a", "b"]], ["A", "b"], 1),
        (["a", "b"], ["a", "b"], 1),
        ([["a", "b"]], ["b", "a"], 0),
        ([{"name": ["Ann"], "age": ["", 5]}], {"name": "ann"}, 1),
        ({"name": "Ann", "tags": ["x"]}, {"name": "Ann", "tags": ["x"]}, 1),
        ([[{"field": ["age"]}]], [{"field": "age"}], 1),
        ("Paris", "paris", 1),
        (True, True, 1),
        ([True], 1, 0),
        ([-33.5], "-33.5", 0),
        (["-33.5"], "33.5", 0),
        ([[]], [], 1),
    ],
)
def test_nested_and_plain_reference_values(wanted, given, value):
    reference = [{"name": "f", "arguments": {"x": wanted}}]
    assert score(answer(("f", {"x": given})), reference).value == value


def test_logged_openai_calls_serve_as_references():
    logged = [{"type": "function", "function": {"name": "f", "arguments": '{"x": "a"}'}}]
    assert score(answer(("f", {"x": "A"})), logged).value == 1
    assert score(answer(("f", {"x": "A"})), {"name": "f", "arguments": {"x": "a"}}).value == 1


@pytest.mark.parametrize("reference", [None, "f(x)", [{"function": "f"}], [1]])
def test_what_is_no_list_of_calls_scores_nothing(reference):
    assert score(answer(("f", {})), reference).value is None


def test_equal_calls_tie_in_whatever_order():
    one = answer(("f", {"x": "A-1"}), ("g", {}))
    assert ToolCallScorer().same(one, answer(("g", ""), ("f", '{ "x": "a1" }')))
    assert not ToolCallScorer().same(one, answer(("g", {})))
