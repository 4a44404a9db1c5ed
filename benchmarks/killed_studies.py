"""A study killed with -9 at random moments, on an upstream full of faults: is anything journalled
asked again, is every example accounted for?

    python benchmarks/killed_studies.py [KILLS]

The upstream answers 10 % of requests with 429, 500, 503, a cut connection, half a JSON, or never.
The same command is started again after each kill; what reached the upstream is read off its log.
"""

from __future__ import annotations

import json
import random
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

from study_wall_time import DOWNROUTE, run, write_recording

CONCURRENCY = 8


def main() -> None:
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    chance = random.Random(3)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        write_recording(work / "log.jsonl")
        run(work, "import", "log.jsonl", "--served", "large")
        server = subprocess.Popen(
            [
                *DOWNROUTE, "replay", "log.jsonl", "--port", "0", "--latency", "0.3",
                "--fail", "0.1", "--log", "asked.jsonl", "--faults",
                "rate_limit,server_error,overloaded,drop,hang,garbled",
            ],
            cwd=work, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            assert server.stdout is not None
            url = re.search(r"http://[\d.:]+", server.stdout.readline())
            assert url is not None
            (work / "downroute.yaml").write_text(
                f"upstreams: {{bad: {{base_url: '{url.group()}', timeout_s: 2, "
                f"concurrency: {CONCURRENCY}}}}}\n"
            )
            study = ("study", "--baseline", "large", "--candidate", "small", "--yes", "--json",
                     "--no-floor")  # fmt: skip
            journalled = interrupt(work, study, kills, chance)
            report = json.loads(run(work, *study))
        finally:
            server.terminate()
            server.wait()
        print_result(work, journalled, report, kills)


def interrupt(
    work: Path, study: tuple[str, ...], kills: int, chance: random.Random
) -> dict[str, float]:
    """When each request was first known to be answered in the journal, over all kills."""
    known: dict[str, float] = {}
    for _ in range(kills):
        process = subprocess.Popen(
            [*DOWNROUTE, *study], cwd=work, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(chance.uniform(2.0, 5.0))
        process.send_signal(signal.SIGKILL)
        process.wait()
        for digest in answered(work):
            known.setdefault(digest, time.time())
    return known


def answered(work: Path) -> set[str]:
    """The requests whose answer is in the journal."""
    with closing(sqlite3.connect(work / ".downroute" / "store.db")) as store:
        rows = store.execute(
            "SELECT request_digest FROM asks WHERE finished_at IS NOT NULL AND error IS NULL"
        )
        return {row[0] for row in rows}


def print_result(
    work: Path, journalled: dict[str, float], report: dict[str, object], kills: int
) -> None:
    lines = [json.loads(line) for line in (work / "asked.jsonl").read_text().splitlines()]
    good = Counter(line["digest"] for line in lines if line["status"] == 200 and line["complete"])
    with closing(sqlite3.connect(work / ".downroute" / "store.db")) as store:
        ((again,),) = store.execute(
            "SELECT count(*) FROM (SELECT request_digest FROM asks WHERE error IS NULL AND "
            "finished_at IS NOT NULL GROUP BY request_digest, model, repeat HAVING count(*) > 1)"
        )
        ((open_asks,),) = store.execute("SELECT count(*) FROM asks WHERE finished_at IS NULL")
    (task,) = report["tasks"]  # type: ignore[misc]
    last = task["looks"][-1]
    print("| kills | requests sent | answered in full twice | in flight when killed | journalled "
          "answers asked again | examples | pairs | unscored |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|")
    print(
        f"| {kills} | {len(lines)} | {sum(n > 1 for n in good.values())} | {open_asks} | {again} | "
        f"{task['examples']} | {last['pairs']} | {last['unscored']} |"
    )
    assert again == 0
    assert last["pairs"] + last["unscored"] == task["examples"]
    assert sum(n - 1 for n in good.values()) <= open_asks <= kills * CONCURRENCY
    assert len(journalled) > 0


if __name__ == "__main__":
    main()
