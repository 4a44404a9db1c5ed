"""A gateway told to reload (SIGHUP) and to stop (SIGTERM) under load: does a call fail?

    python benchmarks/reload_under_load.py [--rate 500] [--times 10]

Real processes: `downroute serve`, alone and with two workers, in front of `downroute replay`. A
call has failed if it was sent on a connection that the gateway took, and got no whole reply with
status 200. Connections that nobody takes any more, after SIGTERM, are counted apart: a balancer
sends those elsewhere. Each reply has to be in the log.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from kill_under_load import read
from steady_load import Load, configure, port_of, replaying, serving

LATENCY_S = 0.05
BETWEEN_S = 1.0


@dataclass
class Told:
    """What came of a number of signals."""

    times: int = 0
    replies: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    missing: int = 0
    slowest_s: float = 0.0

    def add(self, load: Load, rows: set[str]) -> None:
        self.replies += len(load.replies)
        self.failed += load.failures
        self.refused += load.refused
        self.missing += sum(reply.call not in rows for reply in load.replies)
        self.slowest_s = max([self.slowest_s, *(reply.took_s for reply in load.replies)])


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rate", type=float, default=500.0)
    arguments.add_argument("--times", type=int, default=10)
    given = arguments.parse_args()
    print(
        "| signal | processes | times | replies | failed | not in the log | refused connections "
        "| slowest reply |\n|---|---|---|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as folder, replaying(Path(folder), LATENCY_S) as url:
        for number in (signal.SIGHUP, signal.SIGTERM):
            for workers in (1, 2):
                work = Path(folder, f"{number.name}-{workers}")
                work.mkdir()
                configure(work, url)
                tell = reloaded if number is signal.SIGHUP else stopped
                told = asyncio.run(tell(work, workers, given.rate, given.times))
                print(row(number, workers, told), flush=True)


async def reloaded(work: Path, workers: int, rate: float, times: int) -> Told:
    """SIGHUP again and again, the settings changed each time."""
    settings = (work / "downroute.yaml").read_text()
    told = Told(times)
    with serving(work, *options(workers)) as (gateway, line):
        load, over = Load(port_of(line), rate), asyncio.Event()
        running = asyncio.create_task(load.run(over))
        for time in range(times):
            await asyncio.sleep(BETWEEN_S)
            (work / "downroute.yaml").write_text(f"{settings}serve: {{timeout_s: {100 + time}}}\n")
            gateway.send_signal(signal.SIGHUP)
        await asyncio.sleep(3 * BETWEEN_S)
        over.set()
        await running
    told.add(load, read(work)[1])
    return told


async def stopped(work: Path, workers: int, rate: float, times: int) -> Told:
    """SIGTERM, and the gateway started again, while the load goes on until nothing is taken."""
    told = Told(times)
    for time in range(times):
        with serving(work, *options(workers)) as (gateway, line):
            load, over = Load(port_of(line), rate, seed=time), asyncio.Event()
            running = asyncio.create_task(load.run(over))
            await asyncio.sleep(BETWEEN_S)
            gateway.send_signal(signal.SIGTERM)
            await asyncio.to_thread(gateway.wait)
            over.set()
            await running
        if gateway.returncode != 0:
            told.failed[f"exit code {gateway.returncode}"] += 1
        told.add(load, read(work)[1])
    return told


def options(workers: int) -> list[str]:
    return [] if workers == 1 else ["--workers", str(workers)]


def row(number: signal.Signals, workers: int, told: Told) -> str:
    failed = ", ".join(f"{why}: {n}" for why, n in told.failed.items()) or "0"
    slowest = f"{told.slowest_s * 1000:,.0f} ms"
    return (
        f"| {number.name} | {workers} | {told.times} | {told.replies:,} | {failed} | "
        f"{told.missing} | {told.refused:,} | {slowest} |"
    )


if __name__ == "__main__":
    main()
