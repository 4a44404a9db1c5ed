import pytest

from downroute.records import Answer, ToolCall
from downroute.scoring.spec import build_scorer

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "f",
            "parameters": {
                "type": "object",
                "properties": {"n": {"type": "integer"}},
                "required": ["n"],
            },
        },
    }
]


def value(spec, text):
    return build_scorer(spec).score(Answer(text=text), None, {}).value


@pytest.mark.parametrize(
    ("spec", "text", "expected"),
    [
        ("json_valid", '{"a": 1}', 1),
        ("json_valid", "```json\n{}\n```", 0),
        ("json_valid:fenced=true", "```json\n{}\n```", 1),
        ("contains-json", 'It is {"a": 1}, I think', 1),
        ("contains-json", "It is {'a': 1}, I think", 0),
        ("json_repair", "```json\n{}\n```", 1),
        ("json_repair", "{'a': 1,}", 0.5),
        ("json_repair:repaired=0.25", 'It is {"a": 1}', 0.25),
        ("json_repair", "nothing", 0),
        ("xml", "<a><b/></a>", 1),
        ("xml", "<a><b></a>", 0),
        ("xml", "here: <a/>", 0),
        ("contains-xml", "here: <a/> so", 1),
        ("xml:tags=b|c", "<a><b/></a>", 0),
        ("xml", "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", 0),
        ("xml", "<a>" * 2000 + "</a>" * 2000, 0),
        ("html", "<ul><li>a<li>b</ul>", 1),
        ("html", "<div><b>x</div></b>", 0),
        ("html", "<div>x", 0),
        ("html", "<foo>x</foo>", 0),
        ("html", "plain", 0),
        ("contains-html", "here: <p>a<br>b</p>", 1),
        ("sql_valid", "select a from b where c = 1", 1),
        ("sql_valid", "Sure:\n```sql\nselect 1;\n```", 1),
        ("sql_valid", "select a from", 0),
        ("sql_valid", "hello world", 0),
        ("sql_valid:read_only=true", "with a as (select 1) select * from a", 1),
        ("sql_valid:read_only=true", "drop table a", 0),
        ("sql_valid:read_only=true", "select * into b from a", 0),
        ("word_count:min=2,max=3", "one two three", 1),
        ("word_count:min=2,max=3", "one - two three four", 0),
        ("word_count:max=3", "北京市中心", 0),
        ("refusal", "I'm sorry, but I can't help with that.", 1),
        ("not-is-refusal", "Paris", 1),
    ],
)
def test_forms(spec, text, expected):
    assert value(spec, text) == expected


@pytest.mark.parametrize(
    ("said", "wanted", "expected"),
    [
        ("SELECT A FROM b WHERE y=2 AND x=1;", "select a from b where x = 1 and y = 2", 1),
        ("select a, c from b", "select a from b", 0),
        ("nonsense", "select 1", 0),
        ("select 1", "nonsense", None),
    ],
)
def test_statements_are_compared_without_their_spelling(said, wanted, expected):
    assert build_scorer("sql_equal").score(Answer(text=said), wanted, {}).value == expected


def test_a_finish_reason_that_is_missing_says_nothing():
    scorer = build_scorer("finish_reason")
    ended = [Answer(finish_reason=reason) for reason in ("stop", "length", None)]
    assert [scorer.score(a, None, {}).value for a in ended] == [1, 0, None]
    assert build_scorer("finish_reason:length").score(ended[1], None, {}).value == 1


@pytest.mark.parametrize(
    ("calls", "request_", "expected"),
    [
        ([("f", '{"n": 1}')], {"tools": TOOLS}, 1),
        ([("f", '{"n": "1"}')], {"tools": TOOLS}, 0),
        ([("f", "{")], {"tools": TOOLS}, 0),
        ([("g", "{}")], {"tools": TOOLS}, 0),
        ([], {"tools": TOOLS}, 1),
        ([], {"tools": TOOLS, "tool_choice": "required"}, 0),
        ([("f", '{"n": 1}')], {}, None),
    ],
)
def test_calls_follow_the_schemas_offered(calls, request_, expected):
    answer = Answer(tool_calls=tuple(ToolCall(*call) for call in calls))
    assert build_scorer("tool_call_schema").score(answer, None, request_).value == expected


@pytest.mark.parametrize(
    ("made", "wanted", "options", "expected"),
    [
        ("ab", ["a", "b"], {}, 1),
        ("ba", ["a", "b"], {}, 0),
        ("axb", ["a", "b"], {}, 0),
        ("axb", ["a", "b"], {"order": "in_order"}, 1),
        ("bxa", ["a", "b"], {"order": "any_order"}, 1),
        ("ax", ["a", "b"], {"pass_at": None}, 0.5),
        ("", [], {}, 1),
        ("a", [], {}, 0),
        ("a", [{"name": "a", "arguments": {}}], {}, 1),
        ("a", 5, {}, None),
    ],
)
def test_functions_are_called_in_order(made, wanted, options, expected):
    answer = Answer(tool_calls=tuple(ToolCall(name, "{}") for name in made))
    scorer = build_scorer({"tool_sequence": options})
    assert scorer.score(answer, wanted, {}).value == expected
