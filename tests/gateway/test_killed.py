"""`benchmarks/kill_under_load.py`, run short: what is in the log of a gateway killed under load."""

from __future__ import annotations

import importlib
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def kills(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """A kill in each mode, both at the same time."""
    work = tmp_path_factory.mktemp("killed")

    def kill(way: str) -> list[Any]:
        (work / way).mkdir()
        chance = random.Random(11)
        killed: list[Any] = benchmark.killed(work / way, url, way, 1, 150.0, (0.5, 0.9), chance)
        return killed

    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor() as both:
        patch.syspath_prepend(str(BENCHMARKS))
        benchmark = importlib.import_module("kill_under_load")
        with benchmark.replaying(work, 0.01) as url:
            return dict(zip(benchmark.WAYS, both.map(kill, benchmark.WAYS), strict=True))


def test_killed_in_sync_mode_no_reply_that_was_received_is_missing_in_the_log(
    kills: dict[str, list[Any]],
) -> None:
    for kill in kills["sync"]:
        assert kill.received > 10
        assert kill.lost_s == []
        assert kill.sound == "ok"


def test_killed_in_async_mode_only_the_latest_rows_are_missing(
    kills: dict[str, list[Any]],
) -> None:
    for kill in kills["async"]:
        assert kill.received > 10
        # What a busy machine takes from the gateway is none of its doing.
        assert max(kill.lost_s, default=0.0) < 0.1 + 2 * kill.stalled_s
        assert kill.sound == "ok"
