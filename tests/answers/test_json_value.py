import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from downroute.answers.json_value import find_json, read_json

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize(
    "text",
    ['{"a": 1} and more', '{"a": NaN}', '{"a": 1,}', '{"a": "x\ny"}', "{'a': 1}", "", "hello"],
)
def test_strictly_read_json_is_what_a_program_could_parse(text):
    assert read_json(text) is None


@pytest.mark.parametrize(
    "text",
    [
        '```json\n{"a": 1}\n```',
        '```\n{"a": 1}\n```',
        '~~~json\n{"a": 1}\n~~~',
        '```json {"a": 1}```',
    ],
)
def test_a_code_fence_is_read_only_where_it_is_allowed(text):
    assert read_json(text) is None
    assert read_json(text, fenced=True).value == {"a": 1}


@pytest.mark.parametrize("text", ['x ```json\n{"a": 1}\n```', '```json\n{"a": 1}'])
def test_a_fence_must_be_the_whole_answer(text):
    assert read_json(text, fenced=True) is None


@settings(deadline=None)
@given(json_values)
def test_any_json_value_is_read_as_it_was_written(value):
    text = json.dumps(value, indent=2)
    assert read_json(text).value == value
    assert find_json(f"```json\n{text}\n```").value == value


@settings(deadline=None)
@given(st.dictionaries(st.text(min_size=1, max_size=8), json_values, min_size=1, max_size=4))
def test_an_object_inside_prose_is_found_unrepaired(value):
    found = find_json(f"Here is the result:\n\n{json.dumps(value)}\n\nI hope this helps.")
    assert (found.value, found.repaired, found.alone) == (value, False, False)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('first {"x": 1}, finally {"x": 2}', {"x": 2}),
        ('```json\n{"a": 1}\n```\nbecause of {"z": 2}', {"a": 1}),
        ('{"code": "```py\\nx = {}\\n```"}', {"code": "```py\nx = {}\n```"}),
        ("the list is [1, 2]", [1, 2]),
    ],
)
def test_of_several_values_the_fenced_or_the_last_counts(text, value):
    assert find_json(text).value == value


@pytest.mark.parametrize("text", ["The set {1, 2} and {x | x > 0}", "\\frac{1}{2}", None, ""])
def test_other_brackets_are_not_json(text):
    assert find_json(text) is None


def test_without_repair_a_broken_object_is_not_replaced_by_one_inside_it():
    broken = 'Result: {"a": {"b": 1}, "c": \\(x\\)} {'
    assert find_json(broken, repair=False) is None


@pytest.mark.parametrize("unit", ["```", "{", "[1,", '{"a":', "`", '", '])
def test_a_model_stuck_in_a_loop_does_not_stall_the_reader(unit):
    # Quadratic time would take minutes here.
    found = find_json("```json\n" + unit * (60_000 // len(unit)))
    assert found is None or found.repaired
