"""Ladders of two candidates on recorded answers: how often one is served, what it saves, whether
what is served holds the margin.

    python benchmarks/ladders.py ../shared/recorded > table.md

Each repetition draws 500 requests, calibrates a cascade of each candidate and the baseline at half
the error, and the ladder of both where such a cascade is shown, as a study does; what would be
served is judged on all requests. Free signals only; that a candidate alone may be routed is left
out.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from downroute.importers.recording import RecordedRow, read_answers
from downroute.money.rates import Rates, cost_usd
from downroute.stats.sequential import bounds
from downroute.study.calibration import calibrate, route_risk
from downroute.study.escalation_score import score_all
from downroute.study.ladder import Rung, calibrate_ladder, choose_ladder, climbed, reached
from downroute.study.look import Rules
from downroute.study.options import CLEARLY
from downroute.study.recorded import Asked, recorded_trial
from downroute.study.trial import Trial
from downroute.study.worth import why_not

CASES = (
    ("gsm", "gpt-4o", "llama-3.1-8b", "claude-3-haiku"),
    ("mmlu", "gpt-4o", "gpt-4o-mini", "llama-3.1-70b"),
    ("mmlu", "gpt-4o", "llama-3.1-8b", "gpt-4o-mini"),
    ("triviaqa", "gpt-4o", "llama-3.1-8b", "llama-3.1-70b"),
    ("rag-answers", "claude-3.5-sonnet", "llama-3-8b", "gpt-4o"),
)
LOOKS = (100, 200, 300, 400, 500)
RULES = Rules(0.05, 0.025, LOOKS)
BOUND = bounds(LOOKS, 500, RULES.alpha)[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recorded", type=Path)
    parser.add_argument("--repetitions", type=int, default=60)
    options = parser.parse_args()
    prices = json.loads((options.recorded / "prices.json").read_text())["models"]
    print(
        "| task | candidates | ladder served | saving, two models | saving, ladders too | "
        "violations |\n|---|---|---|---|---|---|"
    )
    for task, baseline, first, second in CASES:
        whole = trials(options.recorded / f"{task}.jsonl.gz", prices, baseline, (first, second))
        print(row(task, (first, second), whole, options.repetitions), flush=True)


def trials(path: Path, prices: dict, baseline: str, models: tuple[str, str]) -> list[Rung]:
    rows = [r for r in read_answers([path]) if isinstance(r, RecordedRow)]

    def price(model, snapshot, usage):  # noqa: ARG001
        rates = prices[model]
        return cost_usd(usage, Rates(rates["input"] / 1e6, rates["output"] / 1e6))

    found = [
        recorded_trial("", rows, Asked(baseline, model, None), price).trial for model in models
    ]
    ids = [[p.example_id for p in trial.pairs] for trial in found]
    common = set(ids[0]) & set(ids[1])
    return [
        Rung(
            model,
            replace(trial.take([k for k, i in enumerate(own) if i in common]), paid={}),
        )
        for model, trial, own in zip(models, found, ids, strict=True)
    ]


def row(task: str, models: tuple[str, str], whole: list[Rung], repetitions: int) -> str:
    rng = np.random.default_rng(0)
    ladders = bad = 0
    before, after = [], []
    for _ in range(repetitions):
        places = rng.permutation(whole[0].trial.n)[:500]
        sample = [Rung(r.model, r.trial.take(places)) for r in whole]
        two, gap = best_of_two(sample, whole)
        saving = two
        if two > 0.0:
            picked = choose_ladder([tuple(sample)], RULES.margin, 0)
            found = picked and calibrate_ladder(*picked, RULES, BOUND, seed=0)
            if found and found.point and saved(found.served()) > two + CLEARLY:
                ladders += 1
                served = as_served(found.route("", "").escalate, whole)
                saving, gap = saved(served), gap_of(served)
        before.append(two)
        after.append(saving)
        bad += gap > RULES.margin
    share = lambda x: f"{100 * x:.1f} %"  # noqa: E731
    cells = (task, " + ".join(models), share(ladders / repetitions), share(np.mean(before)),
             share(np.mean(after)), share(bad / repetitions))  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def best_of_two(sample: list[Rung], whole: list[Rung]) -> tuple[float, float]:
    """The best cascade's saving on the sample and its gap on all requests; 0 where none."""
    best, gap = 0.0, 0.0
    for rung, everything in zip(sample, whole, strict=True):
        found = calibrate(rung.trial, RULES, BOUND)
        if found is None or why_not(rung.trial, found, RULES, BOUND) is not None:
            continue
        if (found.saving() or 0.0) > best:
            escalated, _ = route_risk(found.route("", "c", "b"), everything.trial)
            best, gap = found.saving() or 0.0, everything.trial.gap(escalated, RULES)
    return best, gap


def as_served(score, whole: list[Rung]) -> Trial:
    risk = [np.where(r.trial.failed, np.inf, score_all(score, r.trial.signals)) for r in whole]
    return climbed(tuple(whole), reached(tuple(whole), np.concatenate(risk), score.above))


def saved(trial: Trial) -> float:
    nobody = np.zeros(trial.n, bool)
    return trial.saving(nobody, nobody) or 0.0


def gap_of(trial: Trial) -> float:
    return trial.gap(np.zeros(trial.n, bool), RULES)


if __name__ == "__main__":
    main()
