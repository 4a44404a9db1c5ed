import pytest

from downroute.importers.openai import read_openai
from downroute.records import Answer, ToolCall, Usage

ASK = {"role": "user", "content": "2 + 2?"}
REPLY = {"role": "assistant", "content": "4"}


@pytest.fixture
def calls(write, parts):
    """The calls and the reasons in a chat file of these rows."""

    def read(*rows, served="large"):
        found, _, bad = parts(read_openai([write("chat.jsonl", *rows)], served))
        return found, [(row.line, row.reason) for row in bad]

    return read


def test_the_last_message_is_the_answer_and_the_rest_the_request(calls):
    system = {"role": "system", "content": "Add."}
    earlier = {"role": "assistant", "content": "Yes?", "weight": 0}
    tools = [{"type": "function", "function": {"name": "add"}}]
    [call], bad = calls({"messages": [system, earlier, ASK, REPLY], "tools": tools})
    assert not bad
    assert call.request == {
        "messages": [system, {"role": "assistant", "content": "Yes?"}, ASK],
        "tools": tools,
    }
    assert call.answer == Answer(text="4")
    assert (call.model, call.source, call.usage) == ("large", "openai", Usage())
    assert (call.started_at, call.cost_usd, call.status, call.task) == (None, None, None, None)


def test_what_stands_beside_the_messages_is_kept_where_it_is_recognised(calls):
    row = {
        "id": 17,
        "model": "gpt-4o",
        "messages": [ASK, REPLY],
        "response_format": {"type": "json_object"},
        "temperature": 0,
        "metadata": {"task": "sums", "slice": "easy", "session_id": "s1"},
        "user": "u1",
        "stream": True,
        "usage": {
            "prompt_tokens": 9,
            "completion_tokens": 1,
            "prompt_tokens_details": {"cached_tokens": 4},
        },
        "ideal": "4",
        "created": 1_700_000_000,
        "latency_ms": 250,
        "finish_reason": "stop",
        "colour": "blue",
    }
    [call], _ = calls(row, served="small")
    assert call.model == "gpt-4o"
    assert call.request == {
        "messages": [ASK],
        **{k: row[k] for k in ("response_format", "temperature", "metadata", "user", "stream")},
    }
    assert call.answer == Answer(text="4", finish_reason="stop")
    assert call.usage == Usage(9, 1, 4)
    assert (call.task, call.slice, call.session, call.subject) == ("sums", "easy", "s1", "u1")
    assert (call.reference, call.started_at, call.latency_s) == ("4", 1_700_000_000.0, 0.25)
    assert call.stream


def test_tool_calls_are_answers_the_deprecated_form_too(calls):
    function = {"name": "add", "arguments": '{"a": 2}'}
    made = [{"id": "c1", "type": "function", "function": function}]
    found, _ = calls(
        {"messages": [ASK, {"role": "assistant", "content": None, "tool_calls": made}]},
        {"messages": [ASK, {"role": "assistant", "content": None, "function_call": function}]},
    )
    assert [call.answer.tool_calls for call in found] == [
        (ToolCall("add", '{"a": 2}', "c1"),),
        (ToolCall("add", '{"a": 2}'),),
    ]


def test_a_stored_completion_with_its_messages_is_a_call(calls):
    completion = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "gpt-4o-2024-08-06",
        "metadata": {"task": "sums"},
        "choices": [{"index": 0, "message": REPLY, "finish_reason": "length"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 1},
    }
    [call], bad = calls({**completion, "messages": {"object": "list", "data": [ASK]}}, completion)
    assert call.request == {"messages": [ASK], "metadata": {"task": "sums"}}
    assert call.answer == Answer(text="4", finish_reason="length")
    assert (call.model, call.snapshot) == ("gpt-4o-2024-08-06", "gpt-4o-2024-08-06")
    assert call.id.startswith("chatcmpl-1#")
    assert bad == [(2, "no request: add the messages this completion answers as `messages`")]


def test_rows_that_are_no_call_say_why(calls):
    assert calls(
        {"messages": [ASK]},
        {"messages": [REPLY]},
        {"messages": []},
        {"prompt": "2 + 2?"},
        {"messages": [ASK, "4"]},
        {"messages": [{"role": "user", "content": 5}, REPLY]},
        {"messages": [ASK, REPLY], "tools": "add"},
        {"messages": [ASK], "choices": []},
    ) == (
        [],
        [
            (1, "no answer: the last message is not the assistant's"),
            (2, "no request: the answer is the only message"),
            (3, "no messages"),
            (4, "no messages"),
            (5, "message 2 is not an object with a role"),
            (6, "message 1 has a content that is neither text nor parts"),
            (7, "tools are not a list of objects"),
            (8, "no answer: the completion has no choice with a message"),
        ],
    )


def test_a_row_without_a_model_needs_one_to_be_named(calls):
    assert calls({"messages": [ASK, REPLY]}, served=None) == (
        [],
        [(1, "no model: name the one that answered with --served")],
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1_700_000_000, 1.7e9),
        (1_700_000_000_123, 1_700_000_000.123),
        (1.7e18, 1.7e9),
        ("1700000000", 1.7e9),
        ("2023-11-14T22:13:20Z", 1.7e9),
        ("2023-11-14 23:13:20+01:00", 1.7e9),
        ("2023-11-14 22:13:20.500000", 1_700_000_000.5),
        ("yesterday", None),
        ("nan", None),
        (0, None),
        (True, None),
    ],
)
def test_times_are_read_in_the_units_logs_use(calls, value, expected):
    [call], _ = calls({"messages": [ASK, REPLY], "timestamp": value})
    assert call.started_at == expected
