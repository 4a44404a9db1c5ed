"""How long words of many calls take to be deleted for good, and what that costs a log that is
written beside it.

    python benchmarks/purging.py [--calls 100000]
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from downroute.records import Answer, Call
from downroute.store import Store

BREATH_S = 0.05
"""As in the gateway, between two steps."""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--calls", type=int, default=100_000)
    calls = arguments.parse_args().calls
    with tempfile.TemporaryDirectory() as name, Store.open(Path(name)) as store:
        store.calls.add(made("old", calls), at=1.0)
        print(f"{calls:,} calls, {store.path.stat().st_size / 2**20:,.0f} MiB")
        log = Log(Path(name))
        time.sleep(3)
        print(f"longest commit of 20 calls: {log.longest_s() * 1000:.0f} ms before")
        began = time.perf_counter()
        gone = store.purge.expired(2.0, lambda: not time.sleep(BREATH_S))
        took_s = time.perf_counter() - began
        print(f"{gone.bodies:,} bodies gone for good ({gone.finished}) in {took_s:.1f} s")
        print(f"longest commit of 20 calls: {log.longest_s() * 1000:.0f} ms meanwhile")
        log.close()


def made(name: str, calls: int) -> Iterator[Call]:
    request = {"messages": [{"role": "user", "content": "w" * 2000}]}
    answer = Answer("x" * 500)
    for number in range(calls):
        yield Call(f"{name}{number}", "benchmark", "m", request=request, answer=answer)


class Log:
    """20 calls every 30 ms, by a connection of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._times: list[float] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def longest_s(self) -> float:
        """Of the commits since this was asked last."""
        times, self._times = self._times, []
        return max(times)

    def close(self) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        with Store.open(self._folder) as store:
            number = 0
            while not self._over.wait(0.03):
                calls = list(made(f"new{number}-", 20))
                began = time.perf_counter()
                store.calls.add(calls)
                self._times.append(time.perf_counter() - began)
                number += 1


if __name__ == "__main__":
    main()
