"""Commands whose output nobody reads to its end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from downroute.records import Attempt, Call, Decision, Usage
from downroute.store import Store

PATIENCE_S = 30.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    attempts = (Attempt(model="m", status=200, usage=Usage(100, 10), cost_usd=0.01),)
    with Store.open(tmp_path / ".downroute") as store:
        store.calls.add(
            Call(
                id=str(n),
                source="gateway",
                model="m",
                task=f"task-{n}",
                started_at=1_700_000_000.0 + n,
                status=200,
                decision=Decision.OBSERVED,
                attempts=attempts,
            )
            for n in range(40)
        )
    return tmp_path


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("both", [False, True])
def test_a_page_is_written_whole_though_nobody_reads_the_table(
    folder: Path, unbuffered: str, both: bool
) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "downroute", "report", "--html", "page.html"],
        cwd=folder, stdout=write, stderr=write if both else subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered}, timeout=PATIENCE_S,
    )  # fmt: skip
    os.close(write)
    assert done.returncode == 0 and not done.stderr
    page = (folder / "page.html").read_text()
    assert page.rstrip().endswith("</html>") and "task-39" in page


def test_what_is_read_is_what_would_have_been(folder: Path) -> None:
    command = f"{sys.executable} -m downroute report --html page.html | head -n 3"
    done = subprocess.run(
        ["sh", "-c", command], cwd=folder, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert done.stdout.startswith("40 calls") and len(done.stdout.splitlines()) == 3
    assert done.stderr == "" and (folder / "page.html").exists()
