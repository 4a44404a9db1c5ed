"""How often a key may be used."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from downroute.gateway.rate import Cells, wait_s


@pytest.mark.parametrize("per_minute", [1, 3, 7, 60, 999])
def test_a_minute_s_requests_may_come_at_once_and_no_more(per_minute: int) -> None:
    cell = Cells().cell("a")
    waits = [wait_s(cell, per_minute, 1000.0) for _ in range(per_minute + 1)]
    assert waits[:-1] == [0.0] * per_minute
    assert waits[-1] == pytest.approx(60 / per_minute)


def test_in_any_minute_no_more_than_a_bucket_and_what_flows_in_are_let_in() -> None:
    drawn, cell, now, let_in = random.Random(7), [0.0], 0.0, []
    for _ in range(20_000):
        now += drawn.expovariate(3.0)
        if wait_s(cell, 30, now) == 0.0:
            let_in.append(now)
    for at in range(0, int(now), 60):
        assert sum(at <= t < at + 60 for t in let_in) <= 30 + 30
    assert len(let_in) == pytest.approx(30 + now / 2, rel=0.01)


def test_who_waits_as_long_as_told_is_let_in() -> None:
    cell = [0.0]
    now = 5.0
    while (left_s := wait_s(cell, 17, now)) == 0.0:
        pass
    assert wait_s(cell, 17, now + left_s - 0.001) > 0
    assert wait_s(cell, 17, now + left_s) == 0.0


def test_a_bucket_of_another_clock_is_a_full_one() -> None:
    cell = [1e9]
    assert wait_s(cell, 5, 10.0) == 0.0
    assert cell[0] == 22.0


TAKING = """
import sys
from pathlib import Path
from downroute.gateway.rate import Cells, wait_s
cell = Cells(Path(sys.argv[1])).cell("a")
print(sum(wait_s(cell, 100, 50.0) == 0.0 for _ in range(60)))
"""


def test_processes_share_a_bucket(tmp_path: Path) -> None:
    command = [sys.executable, "-c", TAKING, str(tmp_path)]
    said = [subprocess.run(command, capture_output=True, text=True).stdout for _ in range(2)]
    assert said == ["60\n", "40\n"]


def test_where_nothing_can_be_shared_each_process_counts_for_itself(tmp_path: Path) -> None:
    cell = Cells(tmp_path / "absent").cell("a")
    assert wait_s(cell, 1, 50.0) == 0.0 and wait_s(cell, 1, 50.0) == 60.0
