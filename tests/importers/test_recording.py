import json

import pytest

from downroute.answers.openai_chat import answer_digest
from downroute.errors import InputError
from downroute.importers import read
from downroute.importers.recording import read_recordings
from downroute.prompts import request_digest
from downroute.records import Usage
from downroute.store import Store

REQUEST = {"messages": [{"role": "user", "content": "Is it?"}]}
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}


def response(content, score=1.0, **fields):
    completion = {
        "model": "large-2024",
        "choices": [
            {"message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": 9, "completion_tokens": 1},
    }
    return {"completion": completion, "score": score, **fields}


def row(number=1, **fields):
    given = {
        "id": f"r/{number}",
        "task": "yes-no",
        "request": REQUEST,
        "reference": "yes",
        "responses": {
            "large": response("yes", latency_s=0.5, self_check=0.75),
            "small": response("no", 0.0, usage_estimated=True),
        },
    }
    return {**given, **fields}


def test_one_models_answers_are_the_log_and_every_score_is_kept_beside(write, parts):
    path = write("log.jsonl", row(slice="de", schema=SCHEMA))
    [call], [large, small], bad = parts(read_recordings([path], "large"))
    assert not bad
    assert call.request["messages"] == REQUEST["messages"]
    assert call.request["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "yes-no", "schema": SCHEMA},
    }
    assert (call.source, call.model, call.snapshot) == ("recording", "large", "large-2024")
    assert (call.task, call.row, call.slice, call.reference) == ("yes-no", "r/1", "de", "yes")
    assert (call.answer.text, call.answer.finish_reason) == ("yes", "stop")
    assert (call.usage, call.latency_s) == (Usage(9, 1), 0.5)
    assert (large.model, large.score, large.self_check) == ("large", 1.0, 0.75)
    assert (small.model, small.score, small.self_check) == ("small", 0.0, None)
    assert large.request_digest == small.request_digest == request_digest(REQUEST)
    assert large.answer_digest == answer_digest(call.answer)
    assert (large.task, large.row) == ("yes-no", "r/1")
    [estimated], _, _ = parts(read_recordings([path], "small"))
    assert estimated.usage == Usage(9, 1, estimated=True)
    assert estimated.id != call.id


def test_which_model_is_the_log_must_be_said_where_several_answered(write):
    path = write("log.jsonl", row())
    with pytest.raises(InputError, match=r"several models answered \(large, small\).*--served"):
        read_recordings([path])
    with pytest.raises(InputError, match="no answers by 'lrage'; the models there: large, small"):
        read_recordings([path], "lrage")


def test_the_only_model_needs_no_naming(write, parts):
    path = write("log.jsonl", row(responses={"large": response("yes")}))
    [call], _, _ = parts(read_recordings([path]))
    assert call.model == "large"


def test_rows_that_miss_something_are_counted_and_the_rest_goes_on(write, parts):
    path = write(
        "log.jsonl",
        row(1),
        b'{"id": "r/2", ',
        row(3, responses={"small": response("no", 0.0)}),
        row(4, request={}),
        {"id": "r/5"},
        row(6, responses={"large": {"completion": None}, "small": response("no", 7)}),
        row(7, responses={"large": response("yes", None)}),
    )
    calls, scores, bad = parts(read_recordings([path], "large"))
    assert [call.row for call in calls] == ["r/1", "r/7"]
    assert [(s.row, s.model) for s in scores] == [
        ("r/1", "large"),
        ("r/1", "small"),
        ("r/3", "small"),
        ("r/7", "large"),
    ]
    assert scores[-1].score is None
    assert [(b.line, b.reason.partition(":")[0]) for b in bad] == [
        (2, "not JSON"),
        (3, "large did not answer this row"),
        (4, "no messages"),
        (5, "no recording"),
        (6, "large"),
        (6, "small"),
    ]


def test_importing_twice_adds_nothing_and_true_duplicates_stay(write, tmp_path):
    unnamed = {k: v for k, v in row().items() if k != "id"}
    path = write("log.jsonl", row(1), row(2), unnamed, unnamed)
    with Store.open(tmp_path / "store") as store:
        assert store.add(read([path], served="large"))[:2] == (4, 0)
        assert store.add(read([path], served="large"))[:3] == (0, 4, 0)
        assert store.add(read([path], served="small"))[:2] == (4, 0)


def test_every_recording_comes_in_whole_with_the_scores_the_index_states(recorded, tmp_path, parts):
    index = json.loads((recorded / "index.json").read_text(encoding="utf-8"))
    with Store.open(tmp_path / "store") as store:
        for entry in index:
            path = recorded / f"{entry['task']}.jsonl.gz"
            items = list(read([path], served=entry["expensive"]))
            calls, scores, bad = parts(items)
            assert (len(calls), len(bad)) == (entry["rows"], 0)
            for model, mean in entry["mean_score"].items():
                given = [s.score for s in scores if s.model == model and s.score is not None]
                assert sum(given) / len(given) == pytest.approx(mean, abs=6e-5)
            assert store.add(items)[:3] == (len(calls), 0, len(scores))
            if entry["task"] in ("triviaqa", "tools-simple", "rag-json"):
                again = store.add(read([path], served=entry["expensive"]))
                assert again == (0, len(calls), 0, 0)
        assert {(g.task, g.model): g.calls for g in store.calls.summary()} == {
            (entry["task"], entry["expensive"]): entry["rows"] for entry in index
        }
