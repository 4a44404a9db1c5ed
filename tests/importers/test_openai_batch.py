import pytest

from downroute.importers.openai import read_openai
from downroute.records import Answer, Usage


def asked(custom_id, content="2 + 2?", **fields):
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": content}], **fields}
    return {
        "custom_id": custom_id,
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": body,
    }


def answered(custom_id, content="4", number=1):
    body = {
        "id": f"chatcmpl-{number}",
        "created": 1_700_000_000,
        "model": "gpt-4o-2024-08-06",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": content},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 24, "completion_tokens": 8, "total_tokens": 32},
    }
    response = {"status_code": 200, "request_id": "req_1", "body": body}
    return {
        "id": f"batch_req_{number}",
        "custom_id": custom_id,
        "error": None,
        "response": response,
    }


def test_requests_and_results_are_joined_whatever_their_order(write, parts):
    into = write("in.jsonl", asked("r-1", temperature=0), asked("r-2", "3 + 3?"))
    out = write("out.jsonl", answered("r-2", "6", 2), answered("r-1", "4", 1))
    calls, _, bad = parts(read_openai([out, into]))
    assert not bad
    assert [call.row for call in calls] == ["r-2", "r-1"]
    call = calls[1]
    assert call.request == {"messages": [{"role": "user", "content": "2 + 2?"}], "temperature": 0}
    assert call.answer == Answer(text="4", finish_reason="stop")
    assert (call.model, call.snapshot) == ("gpt-4o", "gpt-4o-2024-08-06")
    assert (call.usage, call.status, call.started_at) == (Usage(24, 8), 200, 1.7e9)
    assert list(read_openai([into, out])) == calls


def test_a_request_that_failed_is_a_call_with_its_error(write, parts):
    into = write("in.jsonl", *(asked(f"r-{i}") for i in range(3)))
    refused = {"error": {"code": None, "type": "invalid_request_error", "message": "too long"}}
    errors = write(
        "errors.jsonl",
        {"custom_id": "r-0", "response": {"status_code": 400, "body": refused}, "error": None},
        {"custom_id": "r-1", "response": None, "error": {"code": "batch_expired"}},
        {"custom_id": "r-2", "response": {"status_code": 500, "body": None}},
    )
    calls, _, bad = parts(read_openai([into, errors]))
    assert not bad
    assert [(call.status, call.error) for call in calls] == [
        (400, "invalid_request_error: too long"),
        (None, "batch_expired"),
        (500, "HTTP 500"),
    ]
    assert all(call.answer is None and call.usage == Usage() for call in calls)


def test_what_found_no_partner_is_counted_with_the_reason(write, parts):
    into = write("in.jsonl", asked("r-1"), asked("r-2"))
    out = write("out.jsonl", answered("r-2"), answered("r-3"), {"custom_id": "r-4"})
    calls, _, bad = parts(read_openai([into, out]))
    assert [call.row for call in calls] == ["r-2"]
    assert [(row.source, row.line, row.reason) for row in bad] == [
        (str(out), 2, "no request: no batch input given has this custom_id"),
        (str(out), 3, "not a batch result: custom_id and response or error are needed"),
        (str(into), 1, "no answer: no batch output or error file given has this custom_id"),
    ]
    assert '"r-1"' in bad[2].text
    assert [len(list(read_openai([path]))) for path in (into, out)] == [2, 3]


def test_batches_that_number_their_requests_alike_are_kept_apart_by_folder(write, parts):
    paths = [
        write("one/in.jsonl", asked("1", "2 + 2?")),
        write("one/out.jsonl", answered("1", "4", 1)),
        write("two/in.jsonl", asked("1", "3 + 3?")),
        write("two/out.jsonl", answered("1", "6", 2)),
    ]
    calls, _, bad = parts(read_openai(paths))
    assert not bad
    said = [(c.request["messages"][0]["content"], c.answer.text) for c in calls]
    assert said == [("2 + 2?", "4"), ("3 + 3?", "6")]


def test_an_answer_that_may_belong_to_two_requests_is_given_to_neither(write, parts):
    first = write("in1.jsonl", asked("1", "2 + 2?"))
    second = write("in2.jsonl", asked("1", "3 + 3?"))
    out = write("out.jsonl", answered("1"))
    calls, _, bad = parts(read_openai([first, second, out]))
    assert not calls
    assert "more than one batch input" in bad[0].reason
    assert f"{first}:1, {second}:1" in bad[0].reason
    # The same request given twice leaves nothing open.
    copy = write("copy.jsonl", asked("1", "2 + 2?"))
    calls, _, bad = parts(read_openai([first, copy, out]))
    assert len(calls) == 1
    assert not bad


@pytest.mark.parametrize("url", ["/v1/embeddings", "/v1/responses"])
def test_batches_of_other_endpoints_are_not_read_as_chat(write, parts, url):
    into = write("in.jsonl", {**asked("1"), "url": url})
    _, _, bad = parts(read_openai([into, write("out.jsonl", answered("1"))]))
    assert [row.reason for row in bad] == [f"a batch of {url} is no batch of chat completions"]


def test_a_custom_id_may_hold_anything(write, parts):
    name = "r \ud83d ' \x00"
    paths = [write("in.jsonl", asked(name)), write("out.jsonl", answered(name))]
    calls, _, _ = parts(read_openai(paths))
    assert [call.row for call in calls] == [name]
