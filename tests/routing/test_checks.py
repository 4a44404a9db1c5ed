import json
import subprocess
import sys
import time

import pytest

from downroute.records import Answer, CheckSpec, Route, ToolCall
from downroute.routing.checks import (
    CHECKS,
    check_fault,
    checks_for,
    checks_of,
    known_checks,
    run_checks,
)
from downroute.routing.signals import signals

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
ASKED = {"response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": SCHEMA}}}
TOOLS = {"tools": [{"type": "function", "function": {"name": "f", "parameters": SCHEMA}}]}
CALL = Answer(tool_calls=(ToolCall("f", '{"n": 1}'),))


ENGLISH = "Tell me what the weather was like on the day that you were born, and if it was cold."
GERMAN = "Das Wetter war an dem Tag nicht schön, und es regnete bis in den Abend auf die Stadt."


def asked(text):
    return {"messages": [{"role": "user", "content": text}]}


def forced(name):
    return {"type": "function", "function": {"name": name}}


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
        ("tool_call_valid", CALL, {**TOOLS, "tool_choice": forced("f")}, None, True),
        ("tool_call_valid", CALL, {**TOOLS, "tool_choice": forced("g")}, None, False),
        ("tool_call_valid", CALL, {**TOOLS, "tool_choice": "none"}, None, False),
        ("tool_call_valid", "hi", {**TOOLS, "tool_choice": forced("f")}, None, False),
        ("json_schema", "no JSON", {"response_format": {"type": "json_object"}}, None, False),
        ("json_schema", "{}", {"response_format": {"type": "json_object"}}, None, True),
        ("max_chars", " four ", {}, 4, True),
        ("max_chars", "fives", {}, 4, False),
        ("min_chars", "four", {}, 5, False),
        ("code_parses", "```python\ndef f():\n    return 1\n```", {}, None, True),
        ("code_parses", "```python\ndef f(:\n```", {}, None, False),
        ("code_parses", "```json\n{'a': 1}\n```", {}, None, False),
        ("code_parses", "```toml\na = 1\n```", {}, None, True),
        ("code_parses", "```rust\nfn f( {\n```", {}, None, None),
        ("code_parses", "def f():\n  return 1", {}, None, True),
        ("code_parses", "no code", {}, None, None),
        ("code_parses", "no code", {}, "python", False),
        ("code_parses", "print('\\d')", {}, "python", True),
        ("language", GERMAN, {}, "de", True),
        ("language", GERMAN, {}, "en", False),
        ("language", GERMAN, asked(ENGLISH), "request", False),
        ("language", ENGLISH, asked(ENGLISH), "request", True),
        ("language", "Paris", asked(ENGLISH), "request", None),
        ("language", "これは日本語の文章です。とても短い。", {}, "ja", True),
        ("language", "这是一个很短的中文句子，不长。", {}, "ja", None),
        (
            "language",
            "Это довольно короткое предложение на русском, и он не длинный",
            {},
            "ru",
            True,
        ),
        ("script", "Привет, мир", {}, "Cyrillic", True),
        ("script", "Hello, world", asked("Привет, мир"), "request", False),
        ("script", "42", {}, "Latin", None),
        ("numbers_in_context", "It cost $1,250 in 2023.", asked("1250 USD, 2023"), None, True),
        ("numbers_in_context", "It cost 1,260.", asked("1250 USD"), None, False),
        ("numbers_in_context", "1. It cost much [2].", asked("much"), None, None),
        ("quotes_in_context", 'He said "we  will, go".', asked("We will go home"), None, True),
        (
            "quotes_in_context",
            "“we will [...] home tonight”",
            asked("we will go home"),
            None,
            False,
        ),
        ("quotes_in_context", '{"a key of mine": "no"}', asked("x"), None, None),
        ("citations", "So it is [1, 2].", {}, None, True),
        ("citations", "So it is [1].", {}, 2, False),
        ("citations", "So it is.", {}, None, False),
        ("citations", "So it is [3].", asked("[1] one\n[2] two"), None, False),
        ("citations", "See https://example.org/a", asked("Document 1: a"), None, True),
        ("python", "anything", {}, "m:f", None),
    ],
)
def test_a_check_passes_fails_or_does_not_apply(name, said, request_, argument, passed):
    assert outcome(name, said, request_, argument) is passed


STRICT = {
    "type": "object",
    "properties": {
        "kind": {"enum": ["person", "company"]},
        "name": {"type": "string", "minLength": 1},
        "tags": {"type": "array", "items": {"$ref": "#/$defs/tag"}},
        "born": {"type": ["integer", "null"]},
    },
    "required": ["kind", "name"],
    "additionalProperties": False,
    "if": {"properties": {"kind": {"const": "person"}}},
    "then": {"required": ["born"]},
    "$defs": {
        "tag": {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}
    },
}


@pytest.mark.parametrize(
    ("said", "passed"),
    [
        ('{"kind": "company", "name": "A"}', True),
        ('{"kind": "person", "name": "A"}', False),
        ('{"kind": "person", "name": "A", "born": null}', True),
        ('{"kind": "robot", "name": "A"}', False),
        ('{"kind": "company", "name": "A", "tags": [{"id": 1}, {"id": "2"}]}', False),
        ('{"kind": "company", "name": "A", "more": 1}', False),
        ('Sure! {"kind": "company", "name": "A"}', False),
        ('{"kind": "company", "name": "A"', False),
    ],
)
def test_a_request_s_own_schema_is_followed_in_all_it_says(said, passed):
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": STRICT}}
    request = {"messages": [], "response_format": wanted}
    route = Route("t", ("small", "large"), "large")
    specs = checks_for(route, request)
    assert run_checks(specs, Answer(text=said), request)["json_schema"] is passed
    off = Route("t", ("small", "large"), "large", request_checks=False)
    assert not checks_for(off, request)


def test_a_schema_elsewhere_is_not_fetched_and_a_costly_pattern_comes_to_an_end():
    elsewhere = {"$ref": "http://127.0.0.1:9/schema.json"}
    assert outcome("json_schema", "{}", {}, elsewhere) is None
    costly = {"type": "string", "pattern": "^(?=(a+)+$)(a|aa)+b$"}
    began = time.perf_counter()
    assert outcome("json_schema", json.dumps("a" * 200), {}, costly) is False
    assert time.perf_counter() - began < 1


HOSTILE = (
    "a",
    "1",
    "1,",
    "1 + ",
    "a.",
    "a@",
    "(1",
    "[",
    '{"answer":',
    "“a b c ",
    "- ",
    "`",
    "\\boxed{",
)


@pytest.mark.parametrize("piece", HOSTILE)
def test_no_answer_is_slow_to_check_or_to_read(piece):
    text = piece * (60_000 // len(piece))
    arguments = {"one_of": ["a"], "regex": "(a+)+$", "python": "m:f"}
    arguments |= dict.fromkeys(("max_words", "min_words", "max_chars", "min_chars"), 3)
    arguments |= dict.fromkeys(("language", "script"), "request")
    specs = [CheckSpec(name, arguments.get(name)) for name in CHECKS]
    began = time.process_time()
    run_checks([*specs, CheckSpec("language", "en")], Answer(text=text), asked(text))
    signals(Answer(text=text), asked(text))
    assert time.process_time() - began < 3


def test_a_check_of_one_s_own_words_replaces_the_request_s():
    own = CheckSpec("json_schema", {"fenced": True})
    route = Route("t", ("small", "large"), "large", checks=(own, CheckSpec("not_empty")))
    assert [spec.name for spec in checks_of(route)] == [
        "tool_call_valid",
        "json_schema",
        "not_empty",
    ]
    assert own in checks_of(route)


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
        (CheckSpec("max_words", 0), "check 'max_words': takes a number, 1 or more"),
        (CheckSpec("json_schema", {"type": "nonsense"}), "the schema cannot be used"),
        (CheckSpec("language", "German"), "takes `request` (the user's language) or one of am, ar"),
        (CheckSpec("script", "Roman"), "takes `request` (the user's script) or one of Latin"),
        (CheckSpec("code_parses", "rust"), "a language that can be parsed: python, py"),
        (CheckSpec("python", "m.f"), "takes `module:function`"),
        (CheckSpec("python", {"function": "m:f", "timeout_s": 0}), "timeout_s is a number"),
        (CheckSpec("citations", 0), "takes a number, 1 or more"),
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
        CheckSpec("citations"),
        CheckSpec("citations", 2),
        CheckSpec("language", "request"),
        CheckSpec("python", "my.module:f"),
        CheckSpec("python", {"function": "m:f", "timeout_s": 0.5}),
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


@pytest.mark.parametrize("name", CHECKS)
def test_every_check_has_what_is_run(name):
    CHECKS[name].load()
    assert CHECKS[name].run.__module__.startswith("downroute.routing.")
