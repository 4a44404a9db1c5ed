"""Backtests of whole studies, cascades included, on recorded answers of real models.

    python benchmarks/cascades.py ../shared/recorded > table.md

Runs `downroute backtest` for each pair of models and prints a Markdown table of what each rule
would serve.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

CASES = (
    ("gsm", "gpt-4o", "gpt-4o-mini", None),
    ("math-l5", "gpt-4o", "gpt-4o-mini", None),
    ("gsm", "gpt-4o", "claude-3-haiku", None),
    ("gsm", "gpt-4o", "claude-3-haiku", "gpt-4o-mini"),
    ("mmlu", "gpt-4o", "gpt-4o-mini", None),
    ("triviaqa", "gpt-4o", "gpt-4o-mini", None),
    ("numersense", "gpt-4o", "gpt-4o-mini", None),
    ("tools-simple", "gpt-4o", "gpt-4o-mini", None),
    ("tools-complex", "gpt-4o", "gpt-4o-mini", None),
    ("rag-json", "gpt-4o", "llama-3-8b", None),
    ("rag-answers", "gpt-4o", "llama-3-8b", None),
    ("finance-code", "gpt-4o", "gpt-4o-mini", None),
    ("translate", "claude-3.5-sonnet", "llama-3-70b", None),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recorded", type=Path)
    parser.add_argument("--repetitions", type=int, default=200)
    options = parser.parse_args()
    print(
        "| task | candidate | true gap | violations | route, cascade | saving | escalated | random "
        "mix | oracle | reachable | point rule too bad | to grade |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    for task, baseline, candidate, helper in CASES:
        started = time.monotonic()
        found = backtest(options, task, baseline, candidate, helper)
        print(row(found, candidate + (f" + {helper}" if helper else "")), flush=True)
        print(f"{task} {candidate}: {time.monotonic() - started:.0f} s", file=sys.stderr)


def backtest(
    options: argparse.Namespace, task: str, baseline: str, candidate: str, helper: str | None
) -> dict:
    command = [
        *(sys.executable, "-m", "downroute", "backtest"),
        str(options.recorded / f"{task}.jsonl.gz"),
        *("--baseline", baseline, "--candidate", candidate, "--json"),
        *("--repetitions", str(options.repetitions)),
        *(("--helper", helper) if helper else ()),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)["tasks"][0]


def row(found: dict, candidate: str) -> str:
    rules = found["rules"]
    study = rules["study"]
    best = found["reachable"]
    cells = [
        found["task"],
        candidate,
        f"{found['true_gap'] * 100:+.1f}",
        percent(study["violations"]),
        f"{percent(study['route'])}, {percent(study['cascade'])}",
        percent(study["net_saving"]),
        percent(study["escalation"]),
        percent(rules["random_mix"]["net_saving"]),
        percent(rules["oracle"]["net_saving"]),
        percent(best and best["net_saving"]),
        percent(rules["point"]["violations"]),
        f"{study['mean_graded']:.0f}",
    ]
    return "| " + " | ".join(cells) + " |"


def percent(share: float | None) -> str:
    return "—" if share is None else f"{share * 100:.1f} %"


if __name__ == "__main__":
    main()
