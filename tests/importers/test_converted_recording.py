"""A recording, its conversion to chat JSONL and to batch files: three ways to the same calls."""

import gzip
import json

import pytest

from downroute.importers import read
from downroute.store import Store

BROKEN = (b'{"messages": [', b'{"custom_id": "x", "messages": []}', b"\xff\xfe")


def recording_rows(path):
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def request_of(row):
    request = dict(row["request"])
    if "schema" in row:
        schema = {"name": row["task"], "schema": row["schema"]}
        request["response_format"] = {"type": "json_schema", "json_schema": schema}
    return request


def chat_row(row, model):
    completion = row["responses"][model]["completion"]
    choice = completion["choices"][0]
    request = request_of(row)
    return {
        **request,
        "messages": [*request["messages"], choice["message"]],
        "model": model,
        "metadata": {"task": row["task"]},
        "reference": row["reference"],
        "finish_reason": choice.get("finish_reason"),
        "logprobs": choice.get("logprobs"),
        "usage": completion.get("usage"),
        "usage_estimated": row["responses"][model].get("usage_estimated", False),
    }


def batch_rows(row, model, number):
    custom_id = f"request-{number}"
    asked = {
        "custom_id": custom_id,
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {**request_of(row), "model": model, "metadata": {"task": row["task"]}},
    }
    completion = {**row["responses"][model]["completion"], "id": f"chatcmpl-{number}"}
    response = {"status_code": 200, "request_id": f"req_{number}", "body": completion}
    answered = {"id": f"batch_req_{number}", "custom_id": custom_id, "error": None}
    return asked, {**answered, "response": response}


def with_broken_lines(rows):
    """The rows as lines, with broken ones as lines 2, 11 and the last."""
    lines = [json.dumps(row).encode() for row in rows]
    return [lines[0], BROKEN[0], *lines[1:9], BROKEN[1], *lines[9:], BROKEN[2]]


def facts(call):
    usage = (call.usage.input_tokens, call.usage.output_tokens)
    asked = {k: v for k, v in call.request.items() if k != "metadata"}
    return (call.task, call.model, asked, call.answer, usage)


@pytest.mark.parametrize(
    ("task", "model"),
    [("rag-json", "gpt-4o"), ("tools-complex", "gpt-4o-mini"), ("numersense", "gpt-4o")],
)
def test_a_recording_and_its_conversions_import_to_the_same_calls(
    recorded, write, parts, tmp_path, task, model
):
    rows = recording_rows(recorded / f"{task}.jsonl.gz")[:250]
    source = write("recording.jsonl.gz", *rows)
    chat = write("chat.jsonl", *with_broken_lines([chat_row(row, model) for row in rows]))
    pairs = [batch_rows(row, model, n) for n, row in enumerate(rows)]
    asked = write("batch/in.jsonl.gz", *(a for a, _ in pairs))
    answered = write("batch/out.jsonl", *with_broken_lines([b for _, b in reversed(pairs)]))

    calls, _, _ = parts(read([source], served=model))
    expected = [facts(call) for call in calls]
    chat_calls, _, chat_bad = parts(read([chat]))
    assert [facts(call) for call in chat_calls] == expected
    assert [call.reference for call in chat_calls] == [call.reference for call in calls]
    assert [call.usage for call in chat_calls] == [call.usage for call in calls]
    batch_calls, _, batch_bad = parts(read([asked.parent]))
    assert [facts(call) for call in reversed(batch_calls)] == expected
    for bad, path in ((chat_bad, chat), (batch_bad, answered)):
        assert [(row.source, row.line) for row in bad] == [
            (str(path), line) for line in (2, 11, len(rows) + 3)
        ]
        assert bad[0].reason.startswith("not JSON")
        assert bad[2].reason == "not UTF-8 text (byte 1)"
    assert chat_bad[1].reason == "no messages"
    assert batch_bad[1].reason.startswith("not a batch result")

    with Store.open(tmp_path / "store") as store:
        for paths in ([chat], [asked, answered]):
            assert store.add(read(paths)) == (len(rows), 0, 0, 3)
            assert store.add(read(paths)) == (0, len(rows), 0, 3)
        assert store.rejected.count() == 6
