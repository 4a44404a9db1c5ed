"""Ask `downroute replay` for every recorded answer of every model, and compare.

Usage: python benchmarks/replay.py [FILE...]   (default: the recordings next to the checkout)

Prints one line of JSON: answers asked and wrong, requests a second, the server's CPU time a
request (loading included) and its peak memory.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from downroute.prompts import request_digest
from downroute.providers.client import Client

FOLDER = Path(__file__).resolve().parents[1] / ".." / "shared" / "recorded"
CONCURRENCY = 16


def questions(files: list[Path]) -> Iterator[tuple[dict[str, Any], Any]]:
    """Each request to each model that answered it, with the answer of the first such row."""
    seen: set[tuple[str, str]] = set()
    for file in files:
        with gzip.open(file) as lines:
            for row in map(json.loads, lines):
                digest = request_digest(row["request"])
                for model, response in row["responses"].items():
                    if (digest, model) not in seen:
                        seen.add((digest, model))
                        yield {"model": model, **row["request"]}, response["completion"]


async def ask_all(url: str, files: list[Path]) -> tuple[int, int]:
    """How many answers were asked for, and how many were not the recorded one."""
    asked = wrong = 0
    left = questions(files)
    async with Client(url, connections=CONCURRENCY) as client:

        async def work() -> None:
            nonlocal asked, wrong
            for request, completion in left:
                reply = await client.ask(request)
                body = reply.body or {"choices": [{}]}
                same = body["choices"][0].get("message") == completion["choices"][0]["message"]
                asked += 1
                wrong += not (same and body.get("usage") == completion["usage"])

        await asyncio.gather(*(work() for _ in range(CONCURRENCY)))
    return asked, wrong


def main() -> int:
    files = [Path(a) for a in sys.argv[1:]] or sorted(FOLDER.glob("*.jsonl.gz"))
    if not files:
        print("no recordings given, none in ../shared/recorded: nothing measured")
        return 0
    command = [sys.executable, "-c", "from downroute.cli.main import run; run()", "replay"]
    with subprocess.Popen(
        [*command, *map(str, files), "--port", "0"], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        url = next(w for w in server.stdout.readline().split() if w.startswith("http"))
        started = time.monotonic()
        asked, wrong = asyncio.run(ask_all(url, files))
        took_s = time.monotonic() - started
        server.terminate()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = used.ru_utime + used.ru_stime
    print(
        json.dumps(
            {
                "asked": asked,
                "wrong": wrong,
                "requests_per_s": round(asked / took_s),
                "server_cpu_us_per_request": round(cpu_s / asked * 1e6),
                "server_peak_mb": round(used.ru_maxrss / 1024),
            }
        )
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
