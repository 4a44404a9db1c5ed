"""`downroute study` as a user runs it: a recording served by `downroute replay`, real processes."""

from __future__ import annotations

import json
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from downroute.routing.policy import read_policy

LABELS = ("billing", "bug", "other")
CONFIG = """\
prices:
  large: {input: 2.5, output: 10}
  small: {input: 0.15, output: 0.6}
"""


def write_recording(path: Path, rows: int, wrong: dict[str, int], task: str = "triage") -> None:
    """``rows`` distinct requests; each model is wrong on its first so many, chosen by seed."""
    chance = random.Random(task)
    order = list(range(rows))
    chance.shuffle(order)
    lines = []
    for number in range(rows):
        right = LABELS[number % 3]
        responses = {}
        for model, faults in wrong.items():
            fails = order[number] < faults if model == "small" else order[number] >= rows - faults
            text = LABELS[(number + 1) % 3] if fails else right
            message = {"role": "assistant", "content": text}
            usage = {"prompt_tokens": 40, "completion_tokens": 2, "total_tokens": 42}
            responses[model] = {
                "completion": {
                    "model": f"{model}-2026",
                    "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                    "usage": usage,
                },
                "score": 0.0 if fails else 1.0,
            }
        messages = [
            {"role": "system", "content": f"Sort the {task} ticket: billing, bug or other."},
            {"role": "user", "content": f"Ticket number {number} about {right} of {task}"},
        ]
        row = {"id": f"{task}/{number}", "task": task, "request": {"messages": messages}}
        lines.append(json.dumps({**row, "reference": right, "responses": responses}))
    path.write_text("\n".join(lines) + "\n")


@contextmanager
def replaying(folder: Path, *arguments: str) -> Iterator[str]:
    command = [sys.executable, "-m", "downroute", "replay", *arguments, "--port", "0"]
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout is not None
        found = re.search(r"http://[\d.:]+", process.stdout.readline())
        assert found is not None
        yield found.group()
    finally:
        process.kill()
        process.communicate()


def downroute(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "downroute", *arguments]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120
    )


def study(folder: Path, url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return downroute(
        folder, "study", "--baseline", "large", "--candidate", "small", "--upstream", url,
        *arguments,
    )  # fmt: skip


@pytest.fixture
def work(tmp_path: Path) -> Path:
    (tmp_path / "downroute.yaml").write_text(CONFIG)
    return tmp_path


def imported(work: Path, rows: int, large: int, small: int, task: str = "triage") -> None:
    file = work / f"{task}.jsonl"
    write_recording(file, rows, {"large": large, "small": small}, task)
    assert downroute(work, "import", str(file), "--served", "large").returncode == 0


def test_a_good_candidate_is_routed_and_the_policy_cites_the_evidence(work):
    imported(work, 300, large=4, small=5)
    with replaying(work, "triage.jsonl") as url:
        done = study(
            work, url, "--yes", "--json", "--calls-per-month", "100000", "--html", "p.html"
        )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
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


def test_swapping_the_models_swaps_the_verdict(work):
    imported(work, 300, large=60, small=5)
    with replaying(work, "triage.jsonl") as url:
        assert study(work, url, "--yes").returncode == 0
        swapped = downroute(work, "import", "triage.jsonl", "--served", "small", "--store", "other")
        assert swapped.returncode == 0
        back = downroute(
            work, "study", "--baseline", "small", "--candidate", "large", "--upstream", url,
            "--yes", "--store", "other", "--policy", "other.yaml",
        )  # fmt: skip
    assert back.returncode == 100 and "keep" in back.stdout
    (route,) = read_policy((work / "other.yaml").read_text()).routes
    assert route.models == ("small",) and route.baseline == "small"


def test_nothing_is_asked_without_a_yes(work):
    imported(work, 60, large=0, small=0)
    with replaying(work, "triage.jsonl", "--log", "asked.jsonl") as url:
        done = study(work, url)
    assert done.returncode == 2 and "--yes" in done.stderr
    assert not (work / "asked.jsonl").exists() or not (work / "asked.jsonl").read_text()


def test_the_budget_stops_it_and_a_larger_one_goes_on_without_asking_again(work):
    imported(work, 300, large=4, small=5)
    with replaying(work, "triage.jsonl", "--log", "asked.jsonl") as url:
        first = study(work, url, "--yes", "--json", "--budget", "0.0005")
        assert first.returncode == 102, first.stderr
        report = json.loads(first.stdout)
        assert report["tasks"][0]["stopped"] == "budget reached"
        assert 0 < report["spent_usd"] <= 0.0005
        second = study(work, url, "--yes", "--json", "--budget", "1")
        assert second.returncode == 0, second.stderr
        again = json.loads(second.stdout)
    asked = [json.loads(line)["digest"] for line in (work / "asked.jsonl").read_text().splitlines()]
    assert len(asked) == len(set(asked)) == again["tasks"][0]["examples"]
    assert again["study"] == report["study"]


def test_a_killed_study_repeats_at_most_the_calls_in_flight(work):
    imported(work, 300, large=4, small=5)
    log = work / "asked.jsonl"
    command = [
        sys.executable, "-m", "downroute", "study", "--baseline", "large", "--candidate", "small",
        "--yes", "--json", "--concurrency", "4",
    ]  # fmt: skip
    with replaying(work, "triage.jsonl", "--log", str(log), "--latency", "0.05") as url:
        killed = subprocess.Popen(
            [*command, "--upstream", url], cwd=work, stdout=subprocess.DEVNULL
        )
        while not log.exists() or len(log.read_text().splitlines()) < 30:
            assert killed.poll() is None
            time.sleep(0.02)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        done = study(work, url, "--yes", "--json", "--concurrency", "4")
    assert done.returncode == 0, done.stderr
    asked = [json.loads(line)["digest"] for line in log.read_text().splitlines()]
    report = json.loads(done.stdout)
    assert len(set(asked)) == report["tasks"][0]["examples"]
    assert len(asked) - len(set(asked)) <= 4
    assert report["possibly_paid_calls"] <= 4


def test_pairs_without_references_are_graded_by_people(work):
    write_recording(work / "triage.jsonl", 300, {"large": 4, "small": 9})
    rows = [json.loads(line) for line in (work / "triage.jsonl").read_text().splitlines()]
    chats = []
    for row in rows:
        said = row["responses"]["large"]["completion"]["choices"][0]["message"]
        chats.append({"model": "large", "messages": [*row["request"]["messages"], said]})
    (work / "chat.jsonl").write_text("".join(json.dumps(c) + "\n" for c in chats))
    assert downroute(work, "import", "chat.jsonl").returncode == 0
    with replaying(work, "triage.jsonl") as url:
        first = study(work, url, "--yes", "--json", "--export-grades", "grades.jsonl")
        assert first.returncode == 101, first.stderr
        (task,) = json.loads(first.stdout)["tasks"]
        assert task["verdict"] == "inconclusive" and task["need"]["grades"] == 13
        right = {row["request"]["messages"][1]["content"]: row["reference"] for row in rows}
        graded = []
        for line in (work / "grades.jsonl").read_text().splitlines():
            pair = json.loads(line)
            wanted = right[pair["request"]["messages"][-1]["content"]]
            pair["grade"] = "a" if pair["answer_a"] == wanted else "b"
            graded.append(json.dumps(pair))
        (work / "grades.jsonl").write_text("\n".join(graded))
        second = study(work, url, "--yes", "--json", "--grades", "grades.jsonl")
    (task,) = json.loads(second.stdout)["tasks"]
    assert second.returncode == 0 and task["verdict"] == "route"
    assert 0 < task["graded"] <= 13


def test_a_parameter_fault_stops_the_task_and_is_no_verdict(work):
    imported(work, 120, large=0, small=0)
    (work / "downroute.yaml").write_text(CONFIG + "models: {small: {set: {n: 3}}}\n")
    with replaying(work, "triage.jsonl", "--log", "asked.jsonl") as url:
        done = study(work, url, "--yes", "--json")
    assert done.returncode == 1
    (task,) = json.loads(done.stdout)["tasks"]
    assert task["verdict"] == "inconclusive" and task["gap"] is None
    assert "'n'" in task["message"] and "downroute.yaml" in task["message"]
    assert not (work / "policy.yaml").exists()
    assert len((work / "asked.jsonl").read_text().splitlines()) == 5


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
def test_mistakes_are_one_clear_line(work, arguments, code, said):
    imported(work, 60, large=0, small=0)
    done = downroute(work, "study", *arguments, "--yes", "--upstream", "http://127.0.0.1:9")
    assert done.returncode == code, done.stderr
    assert said in done.stderr and "Traceback" not in done.stderr


def test_a_dead_upstream_is_said_at_once(work):
    imported(work, 60, large=0, small=0)
    done = study(work, "http://127.0.0.1:9", "--yes")
    assert done.returncode == 1
    assert "cannot reach http://127.0.0.1:9" in done.stdout + done.stderr


def test_a_second_study_on_the_same_store_is_refused_while_one_runs(work):
    imported(work, 200, large=4, small=5)
    with replaying(work, "triage.jsonl", "--latency", "0.3") as url:
        command = [
            sys.executable, "-m", "downroute", "study", "--baseline", "large", "--candidate",
            "small", "--yes", "--upstream", url, "--concurrency", "1",
        ]  # fmt: skip
        running = subprocess.Popen(command, cwd=work, stdout=subprocess.PIPE, text=True)
        assert running.stdout is not None
        while "At most" not in running.stdout.readline():
            assert running.poll() is None
        second = study(work, url, "--yes")
        running.send_signal(signal.SIGINT)
        _, _ = running.communicate(timeout=20)
    assert second.returncode == 1 and "another study" in second.stderr
    assert running.returncode == 130
