from downroute.answers.openai_chat import (
    answer_digest,
    answer_from_completion,
    completion_from_chunks,
    usage_from_completion,
)
from downroute.records import Answer, ToolCall, Usage


def completion(**message):
    return {"choices": [{"index": 0, "message": {"role": "assistant", **message}}]}


def test_text_tool_calls_and_logprobs_are_read():
    body = completion(
        content="yes",
        tool_calls=[{"id": "c1", "function": {"name": "f", "arguments": '{"a": 1}'}}],
    )
    top = [{"token": "no", "logprob": -2.0}]
    token = {"token": "yes", "logprob": -0.5, "top_logprobs": top}
    body["choices"][0] |= {"finish_reason": "stop", "logprobs": {"content": [token]}}
    answer = answer_from_completion(body)
    assert answer.text == "yes"
    assert answer.tool_calls == (ToolCall("f", '{"a": 1}', "c1"),)
    assert answer.finish_reason == "stop"
    assert answer.logprobs[0].logprob == -0.5
    assert answer.logprobs[0].top == (("no", -2.0),)


def test_nonsense_reads_as_missing():
    for body in ({}, {"choices": []}, {"choices": ["x"]}, {"choices": [{"message": 3}]}):
        assert answer_from_completion(body).text is None
    for none in ("many", -1, True, 1.5, 10**400):
        assert usage_from_completion({"usage": {"prompt_tokens": none}}) == Usage()


def test_tokens_without_a_readable_logprob_are_left_out():
    tokens = [{"token": "a", "logprob": bad} for bad in ("x", None, True, 10**400, float("nan"))]
    body = completion(content="a")
    body["choices"][0]["logprobs"] = {"content": [*tokens, {"token": "b", "logprob": -1}]}
    (kept,) = answer_from_completion(body).logprobs
    assert kept.token == "b" and kept.logprob == -1.0


def test_unknown_token_counts_stay_unknown_and_details_are_kept():
    usage = usage_from_completion(
        {
            "usage": {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "prompt_tokens_details": {"cached_tokens": 4},
                "completion_tokens_details": {"reasoning_tokens": 2},
            }
        }
    )
    assert usage == Usage(10, 5, 4, 2)
    assert usage_from_completion({"usage": {"prompt_tokens": 10}}).output_tokens is None


def test_a_stream_spells_the_completion_it_stands_for():
    def piece(**delta):
        return {"id": "x", "model": "m", "choices": [{"index": 0, "delta": delta}]}

    chunks = [
        piece(role="assistant", content=""),
        piece(content="Hel"),
        piece(content="lo"),
        piece(tool_calls=[{"index": 0, "id": "c", "function": {"name": "f", "arguments": ""}}]),
        piece(tool_calls=[{"index": 0, "function": {"arguments": '{"a"'}}]),
        piece(tool_calls=[{"index": 0, "function": {"arguments": ":1}"}}]),
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
        {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}},
    ]
    body = completion_from_chunks(chunks)
    answer = answer_from_completion(body)
    assert answer == Answer("Hello", (ToolCall("f", '{"a":1}', "c"),), "tool_calls")
    assert usage_from_completion(body) == Usage(3, 2)
    assert body["model"] == "m"


def test_the_digest_is_of_what_was_said():
    first = Answer("a", (ToolCall("f", '{"x": 1, "y": 2}', "id1"),), "stop")
    same = Answer("a", (ToolCall("f", '{"y":2,"x":1}', "id2"),), "tool_calls")
    assert answer_digest(first) == answer_digest(same)
    assert answer_digest(first) != answer_digest(Answer("b", first.tool_calls))
    assert answer_digest(Answer(None)) == answer_digest(Answer(""))
