"""How fast an import is, and how much memory it takes: generated chat JSONL into a new store.

    python benchmarks/import_rows.py [--rows 100000]

Prints a markdown table. The log is written first by another process, so that its memory does not
count.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from downroute.importers import read
from downroute.store import Store

_WORDS = ("order", "refund", "parcel", "invoice", "late", "broken", "thanks", "please", "never")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=100_000)
    rows: int = options.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log.jsonl"
        writer = multiprocessing.get_context("spawn").Process(target=write_log, args=(log, rows))
        writer.start()
        writer.join()
        print(f"{rows:,} rows, {log.stat().st_size / 2**20:.0f} MiB of chat JSONL\n")
        print("| step | seconds | rows/s | CPU µs/row | peak memory, MiB |")
        print("|---|---|---|---|---|")
        print(f"| start, nothing read | | | | {peak_mib():.0f} |")
        timed("read only", rows, lambda: count(read([log])))
        for keep in ("none", "redacted", "full"):
            with Store.open(Path(folder) / keep) as store:
                timed(f"import, bodies {keep}", rows, partial(import_new, store, log, keep))
        with Store.open(Path(folder) / "full") as store:
            timed("import again, all known", rows, lambda: store.add(read([log])).known)
            timed("read back with bodies", rows, lambda: count(store.calls.each(with_bodies=True)))
            timed("summary", rows, lambda: sum(group.calls for group in store.calls.summary()))
        for keep in ("none", "full"):
            size = (Path(folder) / keep / "store.db").stat().st_size / 2**20
            print(f"\nThe store with bodies {keep}: {size:.0f} MiB.")


def import_new(store: Store, log: Path, keep: str) -> int:
    return store.add(read([log]), keep).new


def count(items: Iterable[object]) -> int:
    return sum(1 for _ in items)


def timed(step: str, rows: int, work: Callable[[], int]) -> None:
    wall, cpu = time.perf_counter(), time.process_time()
    done = work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    if done != rows:
        sys.exit(f"{step}: {done} of {rows} rows")
    print(
        f"| {step} | {wall:.1f} | {rows / wall:,.0f} | {cpu / rows * 1e6:.0f} | {peak_mib():.0f} |",
        flush=True,
    )


def peak_mib() -> float:
    """The most memory this process has held so far."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def write_log(path: Path, rows: int) -> None:
    """About 1 KB a row: a system prompt, a question, an answer, usage, a task, a time."""
    seeded = random.Random(7)
    with path.open("w", encoding="utf-8") as log:
        for number in range(rows):
            asked = " ".join(seeded.choices(_WORDS, k=60))
            answer = " ".join(seeded.choices(_WORDS, k=40))
            row = {
                "id": f"chatcmpl-{number:08d}",
                "model": "large",
                "messages": [
                    {"role": "system", "content": "You sort letters to a shop."},
                    {"role": "user", "content": f"{number}: {asked}"},
                    {"role": "assistant", "content": answer},
                ],
                "usage": {"prompt_tokens": 90, "completion_tokens": 45},
                "metadata": {"task": f"task-{number % 7}"},
                "created": 1_700_000_000 + number,
            }
            log.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
