"""What the sandbox adds to a program's own time.

    python benchmarks/sandbox_overhead.py [--runs 100]

Prints a Markdown table: a program that returns at once, scored one after the other and side by
side, beside the bare interpreter that any way of running it needs. Half a minute.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from downroute.records import Answer
from downroute.scoring.spec import build_scorer

PROGRAM = Answer("```python\ndef solution(a=40, b=2):\n    return a + b\n```")
TESTS = {"tests": "assert solution(1, 2) == 3", "entry_point": "solution"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=100)
    runs = parser.parse_args().runs
    output, tests = build_scorer("code_output"), build_scorer("code_tests")
    bare = measured(bare_interpreter, runs)
    print("| run | median | 90 % within | over the bare interpreter | side by side, each |")
    print("|---|---|---|---|---|")
    print(row("bare interpreter", bare, bare, None))
    for name, run in (
        ("`code_output`", lambda: passes(output.score(PROGRAM, 42, {}).value)),
        ("`code_tests`", lambda: passes(tests.score(PROGRAM, TESTS, {}).value)),
    ):
        print(row(name, measured(run, runs), bare, side_by_side(run, runs)))


def bare_interpreter() -> None:
    subprocess.run([sys.executable, "-I", "-S", "-c", "print(42)"], check=True, capture_output=True)


def passes(value: float | None) -> None:
    assert value == 1.0, "the sandbox does not work here"


def measured(run: Callable[[], None], runs: int) -> list[float]:
    run()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return sorted(times)


def side_by_side(run: Callable[[], None], runs: int) -> float:
    """Seconds of wall clock each, as many at a time as there are cores."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        start = time.perf_counter()
        list(pool.map(lambda _: run(), range(runs)))
        return (time.perf_counter() - start) / runs


def row(name: str, times: list[float], bare: list[float], together: float | None) -> str:
    median = statistics.median(times)
    more = median - statistics.median(bare)
    cells = [f"{median * 1000:.0f} ms", f"{times[int(0.9 * len(times))] * 1000:.0f} ms"]
    cells.append("—" if times is bare else f"{more * 1000:.0f} ms")
    cells.append("—" if together is None else f"{together * 1000:.0f} ms")
    return f"| {name} | {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
