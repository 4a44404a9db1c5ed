import pytest

from downroute.answers.shape import Shape, shape_of
from downroute.records import Answer, ToolCall

REQUEST = {"messages": [{"role": "user", "content": "x"}]}


def shape(texts, request=REQUEST):
    return shape_of([(request, Answer(text=t)) for t in texts])


LONG = "A paragraph of quite some length that explains at leisure what happened to {} and why."


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["billing", "Bug", "billing.", "other", "bug"] * 5, Shape.CLASSIFICATION),
        (["B", "C"], Shape.CLASSIFICATION),
        (["yes"], Shape.CLASSIFICATION),
        (["billing"], Shape.SHORT_TEXT),
        (
            [f'{{"reason": "because {i}", "label": "spam"}}' for i in range(30)],
            Shape.CLASSIFICATION,
        ),
        (["18", "$1,200", "70 km"], Shape.NUMBER),
        (['```json\n{"reasoning": "2 + 3 = 5", "answer": "5"}\n```'] * 3, Shape.NUMBER),
        (['{"name": "Ann", "total": 5}', '{"name": "Bob", "total": 7}'], Shape.JSON),
        (['[{"a": 1}, {"a": 2}]'], Shape.JSON),
        (["```python\nx = 1\n```", "def f():\n    return 1"], Shape.CODE),
        ([f"Apollo {i}" for i in range(50)], Shape.SHORT_TEXT),
        ([LONG.format(i) for i in range(50)], Shape.LONG_TEXT),
        ([], Shape.UNKNOWN),
        (["", " "], Shape.UNKNOWN),
    ],
)
def test_the_shape_of_a_task_is_that_of_most_of_its_answers(texts, expected):
    assert shape(texts) is expected


def test_a_few_slips_do_not_change_a_tasks_shape():
    labels = ["billing", "bug", "other"] * 30
    assert shape([*labels, "I am not sure about this one.", "Bug report"]) is Shape.CLASSIFICATION


def test_a_request_for_json_makes_a_json_task_whatever_is_in_it():
    request = {**REQUEST, "response_format": {"type": "json_object"}}
    assert shape(['{"label": "spam"}'] * 20, request) is Shape.JSON


def test_tool_calls_count_even_where_many_requests_need_none():
    call = (REQUEST, Answer(tool_calls=(ToolCall("f", "{}"),)))
    talk = (REQUEST, Answer(text="There is no function for that."))
    assert shape_of([call, talk, talk]) is Shape.TOOL_CALLS
    assert shape_of([call] + [talk] * 9) is not Shape.TOOL_CALLS


def test_thousands_of_answers_are_sampled_evenly():
    assert shape([f"{i} apples" for i in range(10_000)]) is Shape.NUMBER
