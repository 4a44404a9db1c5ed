"""`downroute demo`, run as a user runs it: real commands, real servers, a real gateway."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from downroute.cli.demo import MARGIN, RECORDING, prove
from downroute.cli.demo_processes import Stage
from downroute.cli.demo_verdicts import compare
from downroute.cli.demo_workload import (
    DEFAULT_SEED,
    LARGE,
    SMALL,
    WORKLOAD,
    recording_rows,
    write_recording,
)
from downroute.errors import DownrouteError

COMMAND = [sys.executable, "-m", "downroute", "demo"]
TRAP = "faq-from-context"
PROC = Path("/proc")

needs_proc = pytest.mark.skipif(not PROC.exists(), reason="looks for processes in /proc")


def test_the_story_ends_with_every_verdict_right_and_leaves_nothing_behind(tmp_path: Path) -> None:
    ended = subprocess.run(
        COMMAND, env=environment(tmp_path), capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "5 of 5 verdicts agree with the truth" in ended.stdout
    assert "300 replies are word for word" in ended.stdout
    for command in ("replay", "import", "audit", "study", "policy show", "serve", "report"):
        assert f"$ downroute {command}" in ended.stdout
    row = next(line for line in ended.stdout.splitlines() if TRAP in line and "ships it" in line)
    assert "✗" in row and "route" not in row
    assert list(tmp_path.iterdir()) == []
    assert processes_in(tmp_path) == []


def test_with_the_two_models_swapped_the_verdicts_are_others_and_wrong(tmp_path: Path) -> None:
    rows = recording_rows(DEFAULT_SEED)
    for row in rows:
        answers = row["responses"]
        row["responses"] = {LARGE: answers[SMALL], SMALL: answers[LARGE]}
    write_recording(tmp_path / RECORDING, rows)
    with ExitStack() as servers:
        report = prove(Stage(tmp_path, Console(quiet=True)), servers, DEFAULT_SEED)
    wrong = {c.truth.task for c in compare(report, WORKLOAD, MARGIN) if not c.holds}
    assert wrong >= {TRAP, "plan-math"}


@needs_proc
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_stops_what_it_started(tmp_path: Path, end: signal.Signals) -> None:
    demo = subprocess.Popen(COMMAND, env=environment(tmp_path), stdout=subprocess.PIPE, text=True)
    assert demo.stdout is not None
    for line in demo.stdout:
        if "$ downroute import" in line:
            break
    assert at_work_in(tmp_path)
    demo.send_signal(end)
    demo.communicate(timeout=20)
    assert demo.returncode == 130
    assert processes_in(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_keep_holds_gateway_and_report_up_until_it_is_interrupted(tmp_path: Path) -> None:
    demo = subprocess.Popen(
        [*COMMAND, "--keep"], env=environment(tmp_path), stdout=subprocess.PIPE, text=True
    )
    assert demo.stdout is not None
    urls: dict[str, str] = {}
    for line in demo.stdout:
        if found := re.match(r"(Gateway|Report): +(http://\S+)", line):
            urls[found[1]] = found[2]
        if "Ctrl-C" in line:
            break
    with urllib.request.urlopen(urls["Report"]) as page:
        assert b"<html" in page.read()
    with urllib.request.urlopen(urls["Gateway"] + "/models") as models:
        assert LARGE.encode() in models.read()
    demo.send_signal(signal.SIGINT)
    demo.communicate(timeout=20)
    assert demo.returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_a_verdict_holds_if_nothing_worse_is_routed_and_nothing_fine_is_kept() -> None:
    routed = {c.truth.task: c.holds for c in compare(report("route"), WORKLOAD, MARGIN)}
    assert routed == {t.task: t.gap <= MARGIN for t in WORKLOAD}
    kept = {c.truth.task: c.holds for c in compare(report("keep"), WORKLOAD, MARGIN)}
    assert kept == {t.task: t.gap > MARGIN for t in WORKLOAD}
    unsure = {c.truth.task: c.holds for c in compare(report("inconclusive"), WORKLOAD, MARGIN)}
    assert unsure == {t.task: not t.clearly_fine for t in WORKLOAD}


def test_a_task_that_the_study_lacks_is_an_error() -> None:
    short = {"tasks": report("route")["tasks"][1:]}
    with pytest.raises(DownrouteError, match=WORKLOAD[0].task):
        compare(short, WORKLOAD, MARGIN)


def test_a_server_that_does_not_come_up_says_why(tmp_path: Path) -> None:
    (tmp_path / RECORDING).write_text("no recording\n")
    stage = Stage(tmp_path, Console(quiet=True))
    with (
        pytest.raises(DownrouteError, match=r"`downroute replay` ended .*no recorded answer"),
        stage.serving("replay", RECORDING, "--port", "0", port=9, ready="/v1/models"),
    ):
        pass


def report(verdict: str) -> Mapping[str, Any]:
    """What a study says that came to ``verdict`` on every task."""
    looks = [{"examples": 100, "gap": 0.04}, {"examples": 200, "gap": 0.01}]
    return {"tasks": [{"task": t.task, "verdict": verdict, "looks": looks} for t in WORKLOAD]}


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(folder)}


def processes_in(folder: Path) -> list[int]:
    """The processes at work in ``folder``, once those that are ending have had a moment."""
    deadline = time.monotonic() + 5
    while (found := at_work_in(folder)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def at_work_in(folder: Path) -> list[int]:
    found = []
    for entry in PROC.glob("[0-9]*"):
        try:
            at = (entry / "cwd").readlink()
        except OSError:
            continue
        if at.is_relative_to(folder):
            found.append(int(entry.name))
    return found
