"""The whole study on recorded answers of real models, over many seeds.

    python benchmarks/recorded_studies.py ../shared/recorded --seeds 20 > docs/recorded-studies.md

Serves the recordings with `downroute replay`, imports them, and runs `downroute study --scorer
recorded` for each seed through the real command line. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

DOWNROUTE = [sys.executable, "-m", "downroute"]
PAIRS = {
    "gpt-4o-mini": ["gsm", "mmlu", "numersense", "math-l5", "tools-complex", "tools-simple"],
    "llama-3-8b": ["rag-json"],
}
BASELINE = "gpt-4o"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recorded", type=Path)
    parser.add_argument("--seeds", type=int, default=20)
    options = parser.parse_args()
    files = {t: options.recorded / f"{t}.jsonl.gz" for tasks in PAIRS.values() for t in tasks}
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        write_config(work, options.recorded / "prices.json")
        with replaying(work, list(files.values())) as url:
            for file in files.values():
                run(work, "import", str(file.resolve()), "--served", BASELINE)
            print_table(studies(work, url, options.seeds), options.seeds)


def write_config(work: Path, prices: Path) -> None:
    """The recorded period's prices as a ``downroute.yaml``."""
    listed = json.loads(prices.read_text())["models"]
    lines = [f"  {name}: {json.dumps(price)}" for name, price in listed.items()]
    (work / "downroute.yaml").write_text("prices:\n" + "\n".join(lines) + "\n")


@contextlib.contextmanager
def replaying(work: Path, files: list[Path], *options: str) -> Iterator[str]:
    """`downroute replay` on a free port; yields its URL."""
    command = [*DOWNROUTE, "replay", *(str(f.resolve()) for f in files), "--port", "0", *options]
    server = subprocess.Popen(command, cwd=work, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        ready = server.stdout.readline()
        yield next(w for w in ready.split() if w.startswith("http://")).rstrip(",;")
    finally:
        server.terminate()
        server.wait(10)


def run(work: Path, *arguments: str) -> str:
    done = subprocess.run([*DOWNROUTE, *arguments], cwd=work, capture_output=True, text=True)
    if done.returncode not in (0, 100, 101):
        raise SystemExit(f"{arguments} exited {done.returncode}:\n{done.stderr}")
    return done.stdout


def studies(work: Path, url: str, seeds: int) -> dict[str, list[dict]]:
    found: dict[str, list[dict]] = defaultdict(list)
    for seed in range(seeds):
        for candidate, tasks in PAIRS.items():
            wanted = [f"--task={t}" for t in tasks]
            started = time.monotonic()
            told = run(
                work, "study", "--baseline", BASELINE, "--candidate", candidate, *wanted,
                "--scorer", "recorded", "--upstream", url, "--seed", str(seed), "--yes", "--json",
                "--policy", str(work / f"policy-{seed}-{candidate}.yaml"),
            )  # fmt: skip
            for task in json.loads(told)["tasks"]:
                found[task["task"]].append(task)
            print(f"seed {seed} {candidate}: {time.monotonic() - started:.1f} s", file=sys.stderr)
    return found


def print_table(found: dict[str, list[dict]], seeds: int) -> None:
    print(f"# Studies of recorded answers, {seeds} seeds each\n")
    print("Scorer `recorded`, margin 5 points, at most 500 pairs, default looks. Reproduce with")
    print("`python benchmarks/recorded_studies.py ../shared/recorded`.\n")
    print("| task | candidate | route | keep | inconclusive | mean pairs | mean gap | saving |")
    print("|---|---|---|---|---|---|---|---|")
    for task, results in found.items():
        verdicts = Counter(r["verdict"] for r in results)
        pairs = sum(r["examples"] for r in results) / len(results)
        gap = sum(r["gap"] for r in results) / len(results) * 100
        shares = [r["saving_share"] for r in results if r["verdict"] == "route"]
        saving = f"{sum(shares) / len(shares):.0%}" if shares else "—"
        print(
            f"| {task} | {results[0]['candidate']} | {verdicts['route']} | {verdicts['keep']} | "
            f"{verdicts['inconclusive']} | {pairs:.0f} | {gap:+.1f} | {saving} |"
        )


if __name__ == "__main__":
    main()
