"""Fixtures of the tests that run downroute as its users do: real files, processes and sockets."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from downroute.cli.main import main
from downroute.gateway.built import built, changed

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
def background(folder: Path, *arguments: str) -> Iterator[str]:
    """A command that serves; yields its URL once it is ready."""
    command = [sys.executable, "-m", "downroute", *arguments]
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout is not None
        found = re.search(r"http://[\d.:]+", process.stdout.readline())
        assert found is not None
        yield found.group()
    finally:
        process.terminate()
        process.communicate(timeout=20)


def pytest_sessionstart() -> None:
    """Tests of compiled modules whose sources have changed would test what was."""
    if stale := changed():
        pytest.exit(
            f"compiled from other sources: {', '.join(stale)}: `make compiled` or `make pure`",
            returncode=pytest.ExitCode.USAGE_ERROR,
        )


def pytest_report_header() -> str:
    return f"gateway: {built()}"


class Ran(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A folder with prices for the models `large` and `small`."""
    (tmp_path / "downroute.yaml").write_text(CONFIG)
    return tmp_path


@pytest.fixture
def downroute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Ran]:
    """Runs one command in ``tmp_path`` as the process would, but within this one: importing SciPy
    anew for each run would take longer than the runs."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path) -> Ran:
        code = main([str(a) for a in arguments])
        said = capsys.readouterr()
        return Ran(code, said.out, said.err)

    return run


@pytest.fixture
def recording(work: Path) -> Callable[..., Path]:
    """Writes a recording of so many rows in which each model is wrong so often."""

    def write(rows: int, *, large: int, small: int, task: str = "triage") -> Path:
        file = work / f"{task}.jsonl"
        write_recording(file, rows, {"large": large, "small": small}, task)
        return file

    return write


@pytest.fixture
def replay(work: Path) -> Callable[..., object]:
    """`with replay("triage.jsonl", ...) as url` serves recordings for as long."""
    return lambda *arguments: background(work, "replay", *arguments, "--port", "0")


@pytest.fixture
def serve(work: Path) -> Callable[..., object]:
    """`with serve(...) as url` runs the gateway for as long."""
    return lambda *arguments: background(work, "serve", *arguments, "--port", "0")
