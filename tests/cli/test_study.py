"""`downroute study` as a user runs it: a recording served by `downroute replay`, real processes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest

from downroute.routing.policy import read_policy

PAIR = ("study", "--baseline", "large", "--candidate", "small")
PROCESS = [sys.executable, "-m", "downroute", *PAIR]


@pytest.fixture
def imported(recording, downroute):
    """Writes a recording and imports the large model's answers."""

    def write(rows, *, large, small, task="triage"):
        file = recording(rows, large=large, small=small, task=task)
        assert downroute("import", str(file), "--served", "large").code == 0

    return write


def lines(file):
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def test_a_good_candidate_is_routed_and_the_policy_cites_the_evidence(
    work, imported, downroute, replay
):
    imported(300, large=4, small=5)
    with replay("triage.jsonl") as url:
        done = downroute(
            *PAIR,
            "--upstream",
            url,
            "--yes",
            "--json",
            "--calls-per-month",
            "100000",
            "--html",
            "p.html",
        )
    assert done.code == 0, done.err
    report = json.loads(done.out)
    (task,) = report["tasks"]
    assert task["verdict"] == "route" and task["models"] == ["small"]
    assert task["gap_high"] < 0.05 and task["examples"] in (100, 200, 300)
    assert task["saving_share"] == pytest.approx(1 - 0.06, abs=0.01)
    assert task["saving_usd_month"][0] > 0
    (route,) = read_policy((work / "policy.yaml").read_text()).routes
    assert route.models == ("small",) and route.baseline == "large"
    assert route.evidence["digest"] == task["evidence"]["digest"]
    assert route.evidence["snapshots"] == {"small": "small-2026"}
    assert len(route.fingerprints) == 1
    assert "1 of 1 tasks can move" in (work / "p.html").read_text()


def test_swapping_the_models_swaps_the_verdict(work, imported, downroute, replay):
    imported(300, large=60, small=5)
    with replay("triage.jsonl") as url:
        assert downroute(*PAIR, "--upstream", url, "--yes").code == 0
        swapped = downroute("import", "triage.jsonl", "--served", "small", "--store", "other")
        assert swapped.code == 0
        back = downroute(
            "study", "--baseline", "small", "--candidate", "large", "--upstream", url,
            "--yes", "--store", "other", "--policy", "other.yaml",
        )  # fmt: skip
    assert back.code == 100 and "keep" in back.out
    (route,) = read_policy((work / "other.yaml").read_text()).routes
    assert route.models == ("small",) and route.baseline == "small"


def test_nothing_is_asked_without_a_yes(work, imported, downroute, replay):
    imported(60, large=0, small=0)
    with replay("triage.jsonl", "--log", "asked.jsonl") as url:
        done = downroute(*PAIR, "--upstream", url)
    assert done.code == 2 and "--yes" in done.err
    assert lines(work / "asked.jsonl") == []


def test_the_budget_stops_it_and_a_larger_one_goes_on_without_asking_again(
    work, imported, downroute, replay
):
    imported(300, large=4, small=5)
    with replay("triage.jsonl", "--log", "asked.jsonl") as url:
        first = downroute(*PAIR, "--upstream", url, "--yes", "--json", "--budget", "0.0005")
        assert first.code == 102, first.err
        report = json.loads(first.out)
        assert report["tasks"][0]["stopped"] == "budget reached"
        assert 0 < report["spent_usd"] <= 0.0005
        partial = report["tasks"][0]
        assert partial["verdict"] == "inconclusive" and 0 < partial["examples"] < 100
        assert partial["gap_low"] < partial["gap"] < partial["gap_high"]
        second = downroute(*PAIR, "--upstream", url, "--yes", "--json", "--budget", "1")
        assert second.code == 0, second.err
        again = json.loads(second.out)
    asked = [line["digest"] for line in lines(work / "asked.jsonl")]
    assert len(asked) == len(set(asked))
    assert 0 <= len(asked) - again["tasks"][0]["examples"] <= 16
    assert again["study"] == report["study"]


def test_a_killed_study_repeats_at_most_the_calls_in_flight(work, imported, downroute, replay):
    imported(300, large=4, small=5)
    log = work / "asked.jsonl"
    command = [*PROCESS, "--yes", "--json", "--concurrency", "4"]
    with replay("triage.jsonl", "--log", str(log), "--latency", "0.05") as url:
        killed = subprocess.Popen(
            [*command, "--upstream", url], cwd=work, stdout=subprocess.DEVNULL
        )
        while len(lines(log)) < 30:
            assert killed.poll() is None
            time.sleep(0.02)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        done = downroute(*PAIR, "--upstream", url, "--yes", "--json", "--concurrency", "4")
    assert done.code == 0, done.err
    asked = [line["digest"] for line in lines(log)]
    report = json.loads(done.out)
    assert 0 <= len(set(asked)) - report["tasks"][0]["examples"] <= 4
    assert len(asked) - len(set(asked)) <= 4
    assert report["possibly_paid_calls"] <= 4


def test_pairs_without_references_are_graded_by_people(work, recording, downroute, replay):
    rows = lines(recording(300, large=4, small=9))
    chats = []
    for row in rows:
        said = row["responses"]["large"]["completion"]["choices"][0]["message"]
        chats.append({"model": "large", "messages": [*row["request"]["messages"], said]})
    (work / "chat.jsonl").write_text("".join(json.dumps(c) + "\n" for c in chats))
    assert downroute("import", "chat.jsonl").code == 0
    with replay("triage.jsonl") as url:
        first = downroute(
            *PAIR, "--upstream", url, "--yes", "--json", "--export-grades", "grades.jsonl"
        )
        assert first.code == 101, first.err
        (task,) = json.loads(first.out)["tasks"]
        assert task["verdict"] == "inconclusive" and task["need"]["grades"] == 13
        right = {row["request"]["messages"][1]["content"]: row["reference"] for row in rows}
        graded = []
        for pair in lines(work / "grades.jsonl"):
            wanted = right[pair["request"]["messages"][-1]["content"]]
            pair["grade"] = "a" if pair["answer_a"] == wanted else "b"
            graded.append(json.dumps(pair))
        (work / "grades.jsonl").write_text("\n".join(graded))
        second = downroute(*PAIR, "--upstream", url, "--yes", "--json", "--grades", "grades.jsonl")
    (task,) = json.loads(second.out)["tasks"]
    assert second.code == 0 and task["verdict"] == "route"
    assert 0 < task["graded"] <= 13


def test_a_parameter_fault_stops_the_task_and_is_no_verdict(work, imported, downroute, replay):
    imported(120, large=0, small=0)
    config = work / "downroute.yaml"
    config.write_text(config.read_text() + "models: {small: {set: {n: 3}}}\n")
    with replay("triage.jsonl", "--log", "asked.jsonl") as url:
        done = downroute(*PAIR, "--upstream", url, "--yes", "--json")
    assert done.code == 1
    (task,) = json.loads(done.out)["tasks"]
    assert task["verdict"] == "inconclusive" and task["gap"] is None
    assert "'n'" in task["message"] and "downroute.yaml" in task["message"]
    assert not (work / "policy.yaml").exists()
    assert len(lines(work / "asked.jsonl")) == 5


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--baseline", "huge", "--candidate", "small"], 2, "the log holds answers of: large"),
        (["--baseline", "large", "--candidate", "large"], 2, "both baseline and candidate"),
        (["--baseline", "large", "--candidate", "small", "--task", "x"], 2, "there are: triage"),
        (["--baseline", "large", "--candidate", "small", "--scorer", "exakt"], 2, "exact"),
        (["--baseline", "large", "--candidate", "tiny", "--budget", "1"], 2, "price of 'tiny'"),
        (["--baseline", "large", "--candidate", "small", "--margin", "5"], 2, "0.05"),
        (["--baseline", "large", "--candidate", "small", "--store", "none"], 1, "none"),
    ],
)
def test_mistakes_are_one_clear_line(imported, downroute, arguments, code, said):
    imported(60, large=0, small=0)
    done = downroute("study", *arguments, "--yes", "--upstream", "http://127.0.0.1:9")
    assert done.code == code, done.err
    assert said in done.err and "Traceback" not in done.err


def test_a_dead_upstream_is_said_at_once(imported, downroute):
    imported(60, large=0, small=0)
    done = downroute(*PAIR, "--upstream", "http://127.0.0.1:9", "--yes")
    assert done.code == 1
    assert "cannot reach http://127.0.0.1:9" in done.out + done.err


def test_a_second_study_on_the_same_store_is_refused_while_one_runs(
    work, imported, downroute, replay
):
    imported(200, large=4, small=5)
    with replay("triage.jsonl", "--latency", "0.3") as url:
        command = [*PROCESS, "--yes", "--upstream", url, "--concurrency", "1"]
        running = subprocess.Popen(command, cwd=work, stdout=subprocess.PIPE, text=True)
        assert running.stdout is not None
        while "At most" not in running.stdout.readline():
            assert running.poll() is None
        second = downroute(*PAIR, "--upstream", url, "--yes")
        running.send_signal(signal.SIGINT)
        _, _ = running.communicate(timeout=20)
    assert second.code == 1 and "another study" in second.err
    assert running.returncode == 130


def test_a_scorer_that_fits_nothing_proves_nothing(work, imported, downroute, replay):
    imported(120, large=0, small=60)
    with replay("triage.jsonl", "--log", "asked.jsonl") as url:
        done = downroute(*PAIR, "--upstream", url, "--yes", "--json", "--scorer", "number")
    assert done.code == 1 and "own answers" in done.err
    assert json.loads(done.out)["tasks"][0]["verdict"] == "inconclusive"
    assert lines(work / "asked.jsonl") == [] and not (work / "policy.yaml").exists()


def test_a_candidate_that_costs_more_is_not_routed_unless_the_baseline_goes(
    work, imported, downroute, replay
):
    config = work / "downroute.yaml"
    config.write_text(
        config.read_text().replace("{input: 0.15, output: 0.6}", "{input: 9, output: 9}")
    )
    imported(200, large=3, small=3)
    with replay("triage.jsonl") as url:
        kept = downroute(*PAIR, "--upstream", url, "--yes", "--json")
        assert kept.code == 100
        (task,) = json.loads(kept.out)["tasks"]
        assert task["verdict"] == "keep" and "cost" in task["message"]
        assert downroute(*PAIR, "--upstream", url, "--yes", "--replace").code == 0


def test_requests_that_repeat_are_not_forgotten(work, recording, downroute, replay):
    file = recording(300, large=0, small=2)
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    failed = [r for r in rows if r["responses"]["small"]["score"] == 0.0]
    repeated = [{**r, "id": f"again/{i}"} for i in range(400) for r in failed]
    file.write_text("".join(json.dumps(r) + "\n" for r in [*rows, *repeated]))
    assert downroute("import", "triage.jsonl", "--served", "large").code == 0
    with replay("triage.jsonl") as url:
        done = downroute(*PAIR, "--upstream", url, "--yes", "--json")
    (task,) = json.loads(done.out)["tasks"]
    assert task["scores"]["small"] < 0.9, "two distinct requests in 300 are most of the traffic"
    assert task["gap"] > 0.05 and task["verdict"] in ("keep", "inconclusive")
    assert not (work / "policy.yaml").exists() or task["verdict"] == "keep"


def test_a_policy_that_cannot_be_written_is_said_before_anything_is_asked(
    work, imported, downroute, replay
):
    imported(60, large=0, small=0)
    with replay("triage.jsonl", "--log", "asked.jsonl") as url:
        done = downroute(*PAIR, "--upstream", url, "--yes", "--policy", "nowhere/policy.yaml")
    assert done.code == 1 and "nowhere/policy.yaml" in done.err
    assert lines(work / "asked.jsonl") == []


def test_a_file_of_grades_is_never_written_over(work, imported, downroute):
    imported(60, large=0, small=0)
    (work / "grades.jsonl").write_text("hours of work")
    done = downroute(
        *PAIR, "--upstream", "http://127.0.0.1:9", "--yes", "--export-grades", "grades.jsonl"
    )
    assert done.code == 2 and "--grades grades.jsonl" in done.err
    assert (work / "grades.jsonl").read_text() == "hours of work"


def test_verdicts_are_told_even_where_the_policy_cannot_take_them(
    work, imported, downroute, replay
):
    imported(200, large=3, small=3)
    with replay("triage.jsonl") as url:
        assert downroute(*PAIR, "--upstream", url, "--yes").code == 0
        policy = work / "policy.yaml"
        (route,) = read_policy(policy.read_text()).routes
        (mark,) = route.fingerprints
        claim = (
            f"{{task: other, match: {{fingerprints: [{mark}]}}, models: [large], unproven: true}}"
        )
        policy.write_text(f"version: 1\nroutes:\n  - {claim}\n")
        done = downroute(*PAIR, "--upstream", url, "--yes", "--json")
    assert done.code == 1 and json.loads(done.out)["tasks"][0]["verdict"] == "route"
    assert "were not written" in done.err and "'other' and 'triage'" in done.err
    assert "triage" not in policy.read_text()
