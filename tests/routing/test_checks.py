import subprocess
import sys

import pytest

from downroute.records import Answer, CheckSpec, ToolCall
from downroute.routing.checks import check_fault, known_checks, run_checks

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
ASKED = {"response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": SCHEMA}}}
TOOLS = {"tools": [{"type": "function", "function": {"name": "f", "parameters": SCHEMA}}]}
CALL = Answer(tool_calls=(ToolCall("f", '{"n": 1}'),))


def outcome(name, said, request=None, argument=None):
    answer = said if isinstance(said, Answer) else Answer(text=said, finish_reason="stop")
    return run_checks([CheckSpec(name, argument)], answer, request or {})[name]


@pytest.mark.parametrize(
    ("name", "said", "request_", "argument", "passed"),
    [
        ("not_empty", "hi", {}, None, True),
        ("not_empty", " \n", {}, None, False),
        ("not_empty", CALL, {}, None, True),
        ("not_truncated", "hi", {}, None, True),
        ("not_truncated", Answer(text="h", finish_reason="length"), {}, None, False),
        ("not_truncated", Answer(text="h"), {}, None, None),
        ("not_refusal", "Paris", {}, None, True),
        ("not_refusal", "I'm sorry, but I can't help with that.", {}, None, False),
        ("json_valid", "{}", {}, None, True),
        ("json_valid", "```json\n{}\n```", {}, None, False),
        ("json_valid", "```json\n{}\n```", {}, {"fenced": True}, True),
        ("json_valid", CALL, {}, None, None),
        ("json_schema", '{"n": 1}', ASKED, None, True),
        ("json_schema", '{"n": "1"}', ASKED, None, False),
        ("json_schema", "n = 1", ASKED, None, False),
        ("json_schema", '{"n": 1}', {}, None, None),
        ("json_schema", "[]", ASKED, {"type": "array"}, True),
        ("json_schema", "```\n[]\n```", {}, {"schema": {"type": "array"}, "fenced": True}, True),
        ("json_schema", "{}", {}, {"type": "nonsense"}, None),
        ("json_schema", CALL, ASKED, None, None),
        ("one_of", "**Bug**", {}, ["billing", "bug"], True),
        ("one_of", '{"label": "bug"}', {}, ["billing", "bug"], True),
        ("one_of", "feature", {}, ["billing", "bug"], False),
        ("one_of", "", {}, ["billing", "bug"], False),
        ("regex", "AB-12", {}, "^[A-Z]+-[0-9]+$", True),
        ("regex", "no", {}, "^[A-Z]+-[0-9]+$", False),
        ("max_words", "one two", {}, 2, True),
        ("max_words", "one two three", {}, 2, False),
        ("min_words", "one", {}, 2, False),
        ("tool_call_valid", CALL, TOOLS, None, True),
        ("tool_call_valid", Answer(tool_calls=(ToolCall("g", "{}"),)), TOOLS, None, False),
        ("tool_call_valid", Answer(tool_calls=(ToolCall("f", "{}"),)), TOOLS, None, False),
        ("tool_call_valid", Answer(tool_calls=(ToolCall("f", "{"),)), TOOLS, None, False),
        ("tool_call_valid", "hi", TOOLS, None, None),
        ("tool_call_valid", "hi", {**TOOLS, "tool_choice": "required"}, None, False),
        ("tool_call_valid", CALL, {}, None, None),
    ],
)
def test_a_check_passes_fails_or_does_not_apply(name, said, request_, argument, passed):
    assert outcome(name, said, request_, argument) is passed


def test_a_check_named_twice_must_pass_twice():
    twice = [CheckSpec("regex", "a"), CheckSpec("regex", "b")]
    assert run_checks(twice, Answer(text="ab"), {}) == {"regex": True}
    assert run_checks(twice, Answer(text="a"), {}) == {"regex": False}


@pytest.mark.parametrize(
    ("spec", "fault"),
    [
        (CheckSpec("valid_json"), "'valid_json' is not a check; did you mean 'json_valid'?"),
        (CheckSpec("zzz"), "'zzz' is not a check; choose from not_empty, not_truncated"),
        (CheckSpec("not_empty", 5), "check 'not_empty': takes no argument"),
        (CheckSpec("one_of"), "check 'one_of': takes a list of labels"),
        (CheckSpec("one_of", "bug"), "check 'one_of': takes a list of labels"),
        (CheckSpec("regex", "("), "check 'regex': '(' is not a regular expression"),
        (CheckSpec("max_words", 0), "check 'max_words': takes a number of words"),
        (CheckSpec("json_schema", {"type": "nonsense"}), "the schema cannot be used"),
        (CheckSpec("json_valid", {"schema": {}}), "takes no argument but {fenced: true}"),
    ],
)
def test_a_wrong_check_is_told_before_it_is_served(spec, fault):
    assert fault in check_fault(spec)


@pytest.mark.parametrize(
    "spec",
    [
        CheckSpec("json_schema"),
        CheckSpec("json_schema", SCHEMA),
        CheckSpec("json_schema", {"fenced": True}),
        CheckSpec("one_of", ["a", 1]),
        CheckSpec("regex", "^a"),
        *map(CheckSpec, ("not_empty", "not_truncated", "not_refusal", "json_valid")),
    ],
)
def test_a_right_check_has_no_fault(spec):
    assert check_fault(spec) is None


def test_every_check_is_told_in_one_line():
    assert all(doc and "\n" not in doc for doc in known_checks().values())


def test_checks_import_nothing_numerical():
    program = (
        "import sys, downroute.routing.checks, downroute.routing.signals; "
        "print({'numpy', 'scipy', 'sklearn', 'duckdb'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "set()"
