"""A gateway under load killed with -9 at random moments: which of the calls whose replies were
received are in the log?

    python benchmarks/kill_under_load.py [--kills 20] [--rate 200] [--seed 1]

Real processes: `downroute serve` in front of `downroute replay`, started again on the same store
after each kill. A reply is received once its last byte has been read. The age of a lost row is the
time from then to the kill. The second table is what each way of writing the log costs: the best of
four slices, because neighbours on the machine only ever add to it.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from steady_load import Load, configure, port_of, replaying, serving

WAYS = ("async", "sync")
LATENCY_S = 0.02
SLICES, SLICE_S = 4, 3.0


@dataclass(frozen=True)
class Kill:
    """``lost_s`` are the ages of the rows that are missing, ``sound`` what SQLite says of the file,
    ``stalled_s`` how long the load itself had to wait for the processor."""

    received: int
    lost_s: list[float]
    sound: str
    stalled_s: float


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--kills", type=int, default=20)
    arguments.add_argument("--rate", type=float, default=200.0)
    arguments.add_argument("--seed", type=int, default=1)
    given = arguments.parse_args()
    print(
        "| log.durability | kills | replies received | rows lost | oldest lost row "
        "| longest stall | store |\n|---|---|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as folder, replaying(Path(folder), LATENCY_S) as url:
        for way in WAYS:
            work = Path(folder, way)
            work.mkdir()
            chance = random.Random(given.seed)
            kills = killed(work, url, way, given.kills, given.rate, (1.0, 2.5), chance)
            print(row(way, kills), flush=True)
        print("\n| log.durability | replies a second | p50 | p99 |\n|---|---|---|---|")
        slices = [(way, throughput(Path(folder, way))) for _ in range(SLICES) for way in WAYS]
        for way in WAYS:
            best = max((took for of, took in slices if of == way), key=len)
            p50, p99 = (best[int(len(best) * share)] * 1000 for share in (0.5, 0.99))
            print(f"| {way} | {len(best) / SLICE_S:,.0f} | {p50:.0f} ms | {p99:.0f} ms |")


def killed(
    work: Path,
    url: str,
    way: str,
    kills: int,
    rate: float,
    after_s: tuple[float, float],
    chance: random.Random,
) -> list[Kill]:
    """Each kill is ``after_s`` seconds from when the gateway serves."""
    configure(work, url, f"log: {{durability: {way}}}\n")
    return [
        asyncio.run(kill(work, rate, chance.uniform(*after_s), chance.randrange(10**6)))
        for _ in range(kills)
    ]


async def kill(work: Path, rate: float, after_s: float, seed: int) -> Kill:
    with serving(work) as (gateway, line):
        load = Load(port_of(line), rate, seed=seed)
        over = asyncio.Event()
        running = asyncio.create_task(load.run(over))
        await asyncio.sleep(after_s)
        killed_at = time.monotonic()
        gateway.kill()
        over.set()
        await running
    sound, rows = read(work)
    lost = [max(killed_at - r.at, 0.0) for r in load.replies if r.call not in rows]
    return Kill(len(load.replies), lost, sound, load.stalled_s)


def read(work: Path) -> tuple[str, set[str]]:
    with closing(sqlite3.connect(work / ".downroute" / "store.db")) as store:
        ((sound,),) = store.execute("PRAGMA integrity_check")
        return sound, {call for (call,) in store.execute("SELECT id FROM calls")}


def row(way: str, kills: list[Kill]) -> str:
    lost = [age for kill in kills for age in kill.lost_s]
    oldest = f"{max(lost) * 1000:.0f} ms" if lost else "none"
    sound = "opens clean" if {kill.sound for kill in kills} == {"ok"} else "DAMAGED"
    received = sum(kill.received for kill in kills)
    stalled = f"{max(kill.stalled_s for kill in kills) * 1000:.0f} ms"
    return f"| {way} | {len(kills)} | {received:,} | {len(lost)} | {oldest} | {stalled} | {sound} |"


def throughput(work: Path) -> list[float]:
    """How long each of as many calls took as 64 connections make one after the other, sorted."""

    async def measure(port: int) -> Load:
        load, over = Load(port, 100_000.0), asyncio.Event()
        running = asyncio.create_task(load.run(over))
        await asyncio.sleep(SLICE_S)
        over.set()
        await running
        return load

    with serving(work) as (_, line):
        load = asyncio.run(measure(port_of(line)))
    if load.failures:
        sys.exit(f"calls failed: {dict(load.failures)}")
    return sorted(reply.took_s for reply in load.replies)


if __name__ == "__main__":
    main()
