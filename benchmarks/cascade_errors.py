"""How often a study serves what is too bad, the candidate's own test and the cascade together.

    python benchmarks/cascade_errors.py

Made-up tasks whose truth is known, at the margin and beyond, with signals that tell little or
nothing.
Prints a Markdown table; 250 repetitions of 500 pairs each.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

from downroute.study.backtest import Experiment, repetitions, summary

CASES = (
    ("just above the margin, useless signals", {"gain": 0.092, "loss": 0.04, "telling": 0.0}),
    ("6 points, useless signals", {"gain": 0.10, "loss": 0.04, "telling": 0.0}),
    ("8 points, a weak signal", {"gain": 0.11, "loss": 0.03, "telling": 0.5}),
    (
        "8 points, a weak signal and a useless helper",
        {"gain": 0.11, "loss": 0.03, "telling": 0.3, "paid_telling": 0.2},
    ),
)


def main() -> None:
    path = Path(__file__).parent.parent / "tests" / "study" / "conftest.py"
    spec = importlib.util.spec_from_file_location("made_up_tasks", path)
    assert spec is not None and spec.loader is not None
    tasks = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tasks)
    print("| task | true gap | routed | cascade | too bad, together |")
    print("|---|---|---|---|---|")
    for name, facts in CASES:
        trial = tasks._made_up(20_000, seed=5, **facts)
        asked = Experiment(trial, trial.baseline != trial.candidate, 500, 250)
        found = summary(asked, list(repetitions(asked)))["study"]
        gap = float((trial.baseline - trial.candidate).mean()) * 100
        print(
            f"| {name} | {gap:+.1f} | {found['route']:.1%} | {found['cascade']:.1%} | "
            f"{found['violations']:.1%} |"
        )


if __name__ == "__main__":
    main()
