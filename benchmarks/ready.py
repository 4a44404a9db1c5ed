"""How soon `downroute serve` is ready, what CPU that takes and what it then holds.

    python benchmarks/ready.py                        this tree
    python benchmarks/ready.py --beside OTHER/.venv/bin/python    another one too, in turns

With a key, three routes and prices in the settings, as in `gateway_peers.py`. From the start of the
process to the first 200 of `/ready`; the least of each figure is printed, since neighbours only
ever take away, and the median. CPU is the process's user and system time until then. Where
PYTHONDONTWRITEBYTECODE is set and nothing has been compiled, every start compiles what it loads.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import peers_servers
from peers_servers import cpu_s, rss_mb


@dataclass
class Starts:
    """Seconds until ready, seconds of CPU until then, megabytes held."""

    ready: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    rss: list[float] = field(default_factory=list)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--starts", type=int, default=15)
    arguments.add_argument("--beside", type=Path, metavar="PYTHON", action="append", default=[])
    given = arguments.parse_args()
    found = {str(python): Starts() for python in (sys.executable, *given.beside)}
    with tempfile.TemporaryDirectory() as scratch:
        for number in range(given.starts + 1):
            for python, starts in found.items():
                folder = Path(scratch, f"{number}-{len(python)}")
                _start(folder, python, starts if number else Starts())
    print("| started with | ready | median | CPU | median | RSS |\n|---|---|---|---|---|---|")
    for python, its in found.items():
        cells = [python]
        for seconds in (its.ready, its.cpu):
            cells += [f"{min(seconds):.3f} s", f"{statistics.median(seconds):.3f} s"]
        print(f"| {' | '.join(cells)} | {min(its.rss):.1f} MB |")


def _start(folder: Path, python: str, into: Starts) -> None:
    with peers_servers.downroute(folder, peers_servers.free_port(), python) as server:
        into.ready.append(server.ready_s)
        into.cpu.append(cpu_s(server.pid))
        into.rss.append(rss_mb(server.pid))


if __name__ == "__main__":
    main()
