"""`downroute study` from a file, with a plan, repeats, a floor, another prompt, a bad upstream."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing

import pytest

PAIR = ("study", "--baseline", "large", "--candidate", "small")


def lines(file):
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


@pytest.fixture
def imported(recording, downroute):
    def write(rows, *, large, small, task="triage"):
        file = recording(rows, large=large, small=small, task=task)
        assert downroute("import", str(file), "--served", "large").code == 0

    return write


def own_file(work, rows, *, answers=None):
    """The recorded requests as somebody's own JSONL, with the large model's answers or without."""
    examples = []
    for row in rows:
        said = list(row["request"]["messages"])
        if answers:
            said.append(row["responses"][answers]["completion"]["choices"][0]["message"])
        examples.append(json.dumps({"messages": said, "reference": row["reference"]}))
    (work / "mine.jsonl").write_text("\n".join(examples) + "\n")


def test_a_plan_says_what_it_will_take_and_asks_nothing(work, imported, downroute, replay):
    imported(300, large=4, small=5)
    with replay("triage.jsonl", "--log", "asked.jsonl") as url:
        told = downroute(*PAIR, "--upstream", url, "--plan")
        done = downroute(*PAIR, "--upstream", url, "--plan", "--json")
    assert told.code == done.code == 0
    plan = json.loads(done.out)
    (task,) = plan["tasks"]
    assert task["pairs_most"] == 300 and 150 < task["pairs_expected"] < 300
    power = [p["power"] for p in task["power"]]
    assert 1 > power[0] > power[1] > power[2] > 0.2
    assert plan["estimate"]["cost_usd_most"] == pytest.approx(300 * 7.2e-6)
    assert task["labels_expected"] == 0 and "gap 2" in told.out
    assert lines(work / "asked.jsonl") == [] and not (work / "policy.yaml").exists()


def test_afterwards_the_estimate_stands_beside_the_truth(work, imported, downroute, replay):
    imported(300, large=4, small=5)
    with replay("triage.jsonl") as url:
        done = downroute(*PAIR, "--upstream", url, "--yes", "--json")
    report = json.loads(done.out)
    truth = report["truth"]
    assert truth["pairs"] == report["tasks"][0]["examples"]
    assert truth["cost_usd"] == report["spent_usd"] and truth["time_s"] > 0
    assert report["estimate"]["pairs_expected"] > 0


def test_a_file_without_answers_is_enough(work, recording, downroute, replay):
    rows = lines(recording(300, large=4, small=5))
    own_file(work, rows)
    first = (*PAIR, "--from-file", "mine.jsonl")
    with replay("triage.jsonl", "--log", "asked.jsonl") as url:
        plan = downroute(*first, "--upstream", url, "--plan")
        assert plan.code == 0 and "300 examples have no answer of large" in plan.out
        assert lines(work / "asked.jsonl") == []
        done = downroute(*first, "--upstream", url, "--yes", "--json")
        again = downroute(*first, "--upstream", url, "--yes", "--json")
    assert done.code == again.code == 0, done.err
    (task,) = json.loads(done.out)["tasks"]
    assert task["task"] == "mine" and task["verdict"] == "route"
    asked = Counter((line["model"], line["digest"]) for line in lines(work / "asked.jsonl"))
    assert max(asked.values()) == 1
    assert sum(model == "large" for model, _ in asked) == 300
    assert json.loads(done.out)["spent_usd"] > 300 * 100e-6


def test_a_file_with_answers_asks_the_candidate_alone(work, recording, downroute, replay):
    own_file(work, lines(recording(200, large=3, small=3)), answers="large")
    with replay("triage.jsonl", "--log", "asked.jsonl") as url:
        done = downroute(*PAIR, "--from-file", "mine.jsonl", "--upstream", url, "--yes", "--json")
    assert done.code == 0, done.err
    assert {line["model"] for line in lines(work / "asked.jsonl")} == {"small"}


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("", 2, "no example in it"),
        ('{"a": 1}\n', 2, "mine.jsonl:1: no messages"),
        (None, 1, "mine.jsonl"),
    ],
)
def test_a_file_that_will_not_do_is_one_clear_line(work, downroute, text, code, said):
    if text is not None:
        (work / "mine.jsonl").write_text(text)
    done = downroute(*PAIR, "--from-file", "mine.jsonl", "--upstream", "http://127.0.0.1:9")
    assert done.code == code and said in done.err, done.err


def test_repeats_are_asked_once_each_and_averaged(work, imported, downroute, replay):
    imported(100, large=2, small=2)
    with replay("triage.jsonl", "--log", "asked.jsonl") as url:
        once = downroute(*PAIR, "--upstream", url, "--yes", "--json")
        thrice = downroute(*PAIR, "--upstream", url, "--yes", "--json", "--repeats", "3")
    assert thrice.code == once.code, thrice.err
    asked = Counter(line["digest"] for line in lines(work / "asked.jsonl"))
    assert set(asked.values()) == {3}, "the first answer was known already"
    (one,), (three,) = json.loads(once.out)["tasks"], json.loads(thrice.out)["tasks"]
    assert three["scores"] == one["scores"]


def test_the_floor_holds_the_baseline_against_itself(work, imported, downroute, replay):
    imported(200, large=3, small=3)
    with replay("triage.jsonl", "--log", "asked.jsonl") as url:
        done = downroute(*PAIR, "--upstream", url, "--yes", "--json", "--floor")
    report = json.loads(done.out)
    (task,) = report["tasks"]
    tenth = -(-task["examples"] // 10)
    assert task["floor"] == {"pairs": tenth, "differ": 0, "gap": 0.0, "message": None}
    asked = Counter(line["model"] for line in lines(work / "asked.jsonl"))
    assert asked["large"] == tenth


def test_a_new_prompt_is_measured_under_its_own_name_and_writes_no_route(
    work, imported, recording, downroute, replay
):
    imported(200, large=3, small=60)
    fixed = lines(recording(200, large=3, small=2, task="triage"))
    for row in fixed:
        row["request"]["messages"][0]["content"] = "Sort it well."
    (work / "fixed.jsonl").write_text("".join(json.dumps(r) + "\n" for r in fixed))
    (work / "new.txt").write_text("Sort it well.\n")
    with replay("fixed.jsonl", "--log", "asked.jsonl") as url:
        done = downroute(*PAIR, "--upstream", url, "--yes", "--system", "new.txt")
        both = downroute(
            "study", "--baseline", "large", "--candidate", "large", "--system", "new.txt",
            "--upstream", url, "--yes", "--json", "--replace",
        )  # fmt: skip
    assert done.code == 0 and "small with new.txt" in done.out
    assert "No route is written" in done.out and not (work / "policy.yaml").exists()
    (task,) = json.loads(both.out)["tasks"]
    assert task["candidate"] == "large with new.txt" and task["verdict"] == "safe"


def test_a_bad_upstream_loses_no_example_and_nothing_is_asked_again(
    work, imported, downroute, replay
):
    imported(120, large=1, small=1)
    config = work / "downroute.yaml"
    faults = "server_error,drop,garbled,hang"
    with replay(
        "triage.jsonl", "--log", "asked.jsonl", "--fail", "0.15", "--faults", faults
    ) as url:
        config.write_text(
            config.read_text() + f"upstreams: {{bad: {{base_url: '{url}', timeout_s: 0.4}}}}\n"
        )
        done = downroute(*PAIR, "--yes", "--json", "--no-floor")
        asked = len(lines(work / "asked.jsonl"))
        again = downroute(*PAIR, "--yes", "--json", "--no-floor")
        more = lines(work / "asked.jsonl")[asked:]
    assert done.code == 0, done.err
    report = json.loads(done.out)
    (task,) = report["tasks"]
    last = task["looks"][-1]
    assert last["pairs"] + last["unscored"] == task["examples"]
    assert report["asking"]["retries"] > 5 and report["asking"]["unanswered"] > 0
    assert report["possibly_paid_usd"] > 0
    assert again.code == 0 and len(more) <= 2 * last["unscored"]


def test_changing_only_the_scorer_scores_again_without_a_call(work, imported, downroute, replay):
    imported(200, large=3, small=3)
    with replay("triage.jsonl", "--log", "asked.jsonl") as url:
        one = downroute(*PAIR, "--upstream", url, "--yes", "--json")
        asked = len(lines(work / "asked.jsonl"))
        other = downroute(*PAIR, "--upstream", url, "--yes", "--json", "--scorer", "contains")
    assert one.code == 0 and other.code == 0, other.err
    assert len(lines(work / "asked.jsonl")) == asked
    assert json.loads(other.out)["tasks"][0]["scorer"].startswith("contains")
    assert json.loads(other.out)["spent_usd"] == 0


def test_killed_at_any_moment_on_a_bad_upstream_nothing_journalled_is_asked_again(
    work, imported, downroute, replay
):
    imported(200, large=2, small=2)
    log = work / "asked.jsonl"
    options = ("--yes", "--json", "--concurrency", "4", "--no-floor")
    faults = ("--fail", "0.1", "--faults", "server_error,drop,garbled", "--latency", "0.03")
    with replay("triage.jsonl", "--log", str(log), *faults) as url:
        for moment in (1, 25):
            before = len(lines(log))
            killed = subprocess.Popen(
                [sys.executable, "-m", "downroute", *PAIR, *options, "--upstream", url],
                cwd=work, stdout=subprocess.DEVNULL,
            )  # fmt: skip
            while len(lines(log)) < before + moment:
                assert killed.poll() is None
                time.sleep(0.01)
            killed.send_signal(signal.SIGKILL)
            killed.wait()
        done = downroute(*PAIR, *options, "--upstream", url)
    assert done.code == 0, done.err
    (task,) = json.loads(done.out)["tasks"]
    last = task["looks"][-1]
    assert last["pairs"] + last["unscored"] == task["examples"]
    with closing(sqlite3.connect(work / ".downroute" / "store.db")) as store:
        asks = "SELECT count(*), count(DISTINCT request_digest) FROM asks WHERE finished_at "
        total, distinct = store.execute(f"{asks} IS NOT NULL AND error IS NULL").fetchone()
        ((never_finished,),) = store.execute(
            "SELECT count(*) FROM asks WHERE finished_at IS NULL"
        ).fetchall()
    assert total == distinct, "an answer in the journal was asked for again"
    answered = Counter(
        line["digest"] for line in lines(log) if line["status"] == 200 and line["complete"]
    )
    assert sum(n - 1 for n in answered.values()) <= never_finished <= 2 * 4
