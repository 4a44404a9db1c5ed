import pytest

from downroute.routing.conditions import condition_value
from downroute.routing.features import CATEGORIES, FEATURES

SCHEMA = {
    "type": "object",
    "required": ["kind"],
    "properties": {
        "kind": {"enum": ["a", "b"]},
        "rows": {"type": "array", "items": {"type": "object", "properties": {"n": {"const": 1}}}},
    },
    "if": {"properties": {"kind": {"const": "a"}}},
    "then": {"required": ["rows"]},
}


def asked(text, **more):
    return {"messages": [{"role": "user", "content": text}], **more}


def with_schema(schema):
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    return asked("x", response_format=form)


@pytest.mark.parametrize(
    ("feature", "value"),
    [
        ("schema_depth", 3),
        ("schema_properties", 4),
        ("schema_optional", 3),
        ("schema_enums", 3),
        ("schema_lists", 1),
        ("schema_conditional", 1),
    ],
)
def test_a_schema_is_as_complex_as_its_parts(feature, value):
    assert condition_value(feature, with_schema(SCHEMA)) == value


def test_the_most_complex_tool_counts_where_the_answer_has_no_schema():
    flat = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    offered = [
        {"type": "function", "function": {"name": name, "parameters": schema}}
        for name, schema in (("flat", flat), ("deep", SCHEMA))
    ]
    request = asked("x", tools=offered)
    assert condition_value("tools", request) == 2
    assert condition_value("schema_depth", request) == 3
    assert condition_value("parallel_tools", request) == 1
    assert condition_value("parallel_tools", {**request, "parallel_tool_calls": False}) == 0


def test_reasoning_steps_count_questions_numbers_and_conditions():
    hard = "Ann has 3 boxes of 1,200.5 pens. If each costs 2, how much? And after a month?"
    assert condition_value("reasoning_steps", asked(hard)) == 8
    assert condition_value("reasoning_steps", asked("Translate this line")) == 0


def test_language_is_that_of_the_last_thing_the_user_said():
    request = {
        "messages": [
            {"role": "user", "content": "This is what I said at the time"},
            {"role": "user", "content": "Das ist nicht, was ich in der Zeit gesagt habe"},
        ]
    }
    assert condition_value("language", request) == "de"
    assert condition_value("language", asked("xq")) == "Latin"
    assert condition_value("language", asked("12")) == "unknown"


def _bottomless():
    schema = {}
    for _ in range(5000):
        schema = {"items": schema}
    return schema


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"properties": []},
        {"properties": {"a": 1}},
        {"required": 7},
        {"anyOf": 3},
        _bottomless(),
    ],
)
def test_a_strange_schema_is_read_without_fault(schema):
    request = with_schema(schema)
    assert all(isinstance(condition_value(name, request), float) for name in FEATURES)


def test_nothing_at_all_is_read_without_fault():
    for name in (*FEATURES, *CATEGORIES):
        condition_value(name, {"messages": "no list", "tools": 3})
