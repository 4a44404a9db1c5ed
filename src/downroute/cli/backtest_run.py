"""What a backtest reads, and its repetitions under a progress bar."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from downroute.cli.backtest_output import print_task
from downroute.cli.backtest_store import stored_trials
from downroute.cli.price_file import known_prices
from downroute.cli.tables import console
from downroute.config import Settings
from downroute.errors import InputError, UsageError
from downroute.importers.paths import log_files
from downroute.importers.recording import RecordedRow, read_answers
from downroute.records import BadRow, Json
from downroute.scoring.table import RECORDED
from downroute.study.backtest import Experiment, reachable, repetitions, rules_of, summary
from downroute.study.recorded import Asked, Price, check_models, recorded_trial
from downroute.study.trial import Bools, Trial


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asks for; without ``files`` the store's measured tasks."""

    files: tuple[Path, ...]
    baseline: str
    candidate: str
    helper: str | None
    tasks: tuple[str, ...]
    scorer: str | None
    margin: float
    examples: int
    repetitions: int
    seed: int
    prices: Path | None
    store: Path
    as_json: bool


@dataclass(frozen=True, slots=True)
class Known:
    """A task whose answers are known. ``differs``: whose answers are not the same."""

    task: str
    trial: Trial
    differs: Bools
    left_out: Counter[str]


def run_backtest(wanted: Wanted, settings: Settings) -> None:
    """Every task's backtest, printed as soon as it is done, or all as one JSON object."""
    output = console(stderr=wanted.as_json)
    price = known_prices(settings, wanted.prices, wanted.files, output)
    tasks = _recorded(wanted, price, output) if wanted.files else _stored(wanted, settings, price)
    reports = []
    for known in tasks:
        report = _one(known, wanted, output)
        reports.append(report)
        if not wanted.as_json:
            print_task(output, report)
    if wanted.as_json:
        print(json.dumps(_report(wanted, reports), ensure_ascii=False, indent=2))


def _report(wanted: Wanted, reports: Sequence[Mapping[str, Json]]) -> dict[str, Json]:
    return {
        "baseline": wanted.baseline,
        "candidate": wanted.candidate,
        "helper": wanted.helper,
        "margin": wanted.margin,
        "examples": wanted.examples,
        "repetitions": wanted.repetitions,
        "seed": wanted.seed,
        "tasks": list(reports),
    }


def _recorded(wanted: Wanted, price: Price, output: Console) -> Iterator[Known]:
    asked = Asked(wanted.baseline, wanted.candidate, wanted.helper, wanted.scorer or RECORDED)
    rows: dict[str, list[RecordedRow]] = {}
    unread = 0
    for found in read_answers([path for path, _ in log_files(wanted.files)]):
        if isinstance(found, BadRow):
            unread += 1
            output.print(f"{found.source}:{found.line}: {found.reason}", style="dim")
        else:
            rows.setdefault(found.task, []).append(found)
    if not rows:
        raise InputError(f"no recording could be read ({unread} rows left out)")
    names = [t for t in rows if not wanted.tasks or t in wanted.tasks]
    if not names:
        raise UsageError(f"no such task in the files; there are: {', '.join(sorted(rows))}")
    check_models([row for name in names for row in rows[name]], asked)
    for name in names:
        made = recorded_trial(name, rows[name], asked, price)
        if made is None:
            output.print(f"{name}: no request has a scored answer of both models", style="yellow")
        else:
            yield Known(name, made.trial, made.differs, made.left_out)


def _stored(wanted: Wanted, settings: Settings, price: Price) -> Iterator[Known]:
    if wanted.helper is not None:
        raise UsageError("--helper needs recordings: name their files")
    for task, trial, differs, left_out in stored_trials(
        wanted.store, settings, price, wanted.baseline, wanted.candidate, wanted.tasks,
        wanted.scorer,
    ):  # fmt: skip
        yield Known(task, trial, differs, left_out)


def _one(known: Known, wanted: Wanted, output: Console) -> dict[str, Json]:
    experiment = Experiment(
        known.trial,
        known.differs,
        wanted.examples,
        wanted.repetitions,
        margin=wanted.margin,
        seed=wanted.seed,
    )
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    decided = []
    with Progress(*columns, console=output, disable=not output.is_terminal) as progress:
        bar = progress.add_task(known.task, total=wanted.repetitions)
        for each in repetitions(experiment):
            decided.append(each)
            progress.advance(bar)
    trial = known.trial
    everything = trial.gap(np.zeros(trial.n, bool), rules_of(experiment, trial.n))
    return {
        "task": known.task,
        "n": trial.n,
        "left_out": dict(known.left_out),
        "true_gap": everything,
        "rules": summary(experiment, decided),
        "reachable": reachable(experiment),
    }
