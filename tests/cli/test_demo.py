"""`downroute demo`, run as a user runs it: real commands, real servers, a real gateway."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
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

TRAP = "faq-from-context"

needs_proc = pytest.mark.skipif(not Path("/proc").exists(), reason="looks for processes in /proc")


def test_the_story_ends_with_every_verdict_right_and_keeps_gateway_and_report_up_until_ctrl_c(
    tmp_path: Path,
) -> None:
    with running(tmp_path, "--keep") as demo:
        said = lines_until(demo, "Ctrl-C")
        story = "".join(said)
        for command in ("replay", "import", "audit", "study", "policy show", "serve", "report"):
            assert f"$ downroute {command}" in story
        assert "5 of 5 verdicts hold against the truth" in story
        assert "300 replies are word for word" in story
        trap = next(line for line in said if TRAP in line and "ships ✗" in line)
        assert "route" not in trap
        urls = dict(re.findall(r"(Gateway|Report): +(http://\S+)", story))
        with urllib.request.urlopen(urls["Report"]) as page:
            assert b"<html" in page.read()
        with urllib.request.urlopen(urls["Gateway"] + "/models") as models:
            assert LARGE.encode() in models.read()
        demo.send_signal(signal.SIGINT)
        demo.communicate(timeout=180)
        assert demo.returncode == 0
    assert at_work_in(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_with_the_two_models_swapped_what_is_worse_is_routed_and_the_demo_fails(
    tmp_path: Path,
) -> None:
    worse = {t.task: t for t in WORKLOAD if t.gap > MARGIN}
    rows = [r for r in recording_rows(DEFAULT_SEED) if r["task"] in worse]
    for row in rows:
        answers = row["responses"]
        row["responses"] = {LARGE: answers[SMALL], SMALL: answers[LARGE]}
    write_recording(tmp_path / RECORDING, rows)
    with ExitStack() as servers:
        report = prove(Stage(tmp_path, Console(quiet=True)), servers, DEFAULT_SEED)
    compared = compare(report, list(worse.values()), MARGIN)
    assert [c.verdict for c in compared] == ["route", "route"]
    assert not any(c.holds for c in compared)


@needs_proc
def test_a_demo_that_is_told_to_end_stops_what_it_started(tmp_path: Path) -> None:
    with running(tmp_path) as demo:
        lines_until(demo, "$ downroute import")
        assert at_work_in(tmp_path)
        demo.send_signal(signal.SIGTERM)
        demo.communicate(timeout=180)
        assert demo.returncode == 130
    assert at_work_in(tmp_path) == []
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


@contextmanager
def running(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A demo that makes its temporary folder in ``folder``; ended with the block at the latest."""
    with subprocess.Popen(
        [sys.executable, "-m", "downroute", "demo", *arguments],
        env={**os.environ, "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as demo:
        try:
            yield demo
        finally:
            if demo.poll() is None:
                demo.terminate()
                demo.communicate()


def lines_until(demo: subprocess.Popen[str], words: str) -> list[str]:
    """What the demo says up to the line that holds ``words``."""
    assert demo.stdout is not None
    said = []
    for line in demo.stdout:
        said.append(line)
        if words in line:
            return said
    raise AssertionError("".join(said))


def at_work_in(folder: Path) -> list[int]:
    """The processes whose working folder is inside ``folder``."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            at = (entry / "cwd").readlink()
        except OSError:
            continue
        if at.is_relative_to(folder):
            found.append(int(entry.name))
    return found
