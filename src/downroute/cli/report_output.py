"""How ``downroute report`` prints a spend report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import typer

from downroute.cli.tables import print_table
from downroute.reports.display import MISSING, count, day, share, span, usd
from downroute.reports.lines import Line, SpendReport

TASKS_SHOWN = 40


def print_report(report: SpendReport, folder: Path) -> None:
    """The sums by task and by model, then the saving and what it leaves out."""
    if report.total.calls == 0:
        when = "" if report.since is None else f" since {day(report.since)}"
        typer.echo(f"no calls through the gateway{when} in {folder}; next: downroute serve")
        return
    _print_tasks(report)
    _print_models(report)
    _print_feedback(report)
    for line in (*_saving(report), *_missing(report)):
        typer.echo(line)


def _print_tasks(report: SpendReport) -> None:
    lines = list(report.tasks.items())[:TASKS_SHOWN]
    if len(report.tasks) > 1:
        lines.append(("all", report.total))
    print_table(
        f"{report.total.calls:,} calls, {day(report.first)} to {day(report.last)} (UTC)",
        ["task", "calls", "decisions", "escalated", "spent", "compared", "as served",
         "all baseline", "all candidate", "saving", "share"],
        [_task_row(name, line) for name, line in lines],
        numbers=["calls", "escalated", "spent", "compared", "as served", "all baseline",
                 "all candidate", "saving", "share"],
    )  # fmt: skip
    hidden = len(report.tasks) - TASKS_SHOWN
    if hidden > 0:
        typer.echo(f"… and {hidden:,} more tasks, which are in the sum (all: --json)")


def _task_row(name: str, line: Line) -> list[str]:
    about = line.estimated_calls > 0
    compared = line.compared_calls > 0
    return [
        name,
        count(line.calls),
        _listed(line.decisions),
        share(line.escalation),
        usd(line.spent_usd) + ("+" if line.unpriced_calls else ""),
        count(line.compared_calls),
        usd(line.compared_usd if compared else None),
        usd(line.baseline_usd if compared else None, about=about),
        usd(line.candidate_usd if compared else None, about=True),
        usd(line.saving_usd, about=about),
        share(line.saving_share, about=about),
    ]


def _print_models(report: SpendReport) -> None:
    print_table(
        "By model, every attempt counted",
        ["model", "asked", "why", "failed", "tokens in", "tokens out", "spent", "not priced"],
        [
            [
                line.model,
                count(line.attempts),
                _listed(line.by_purpose),
                count(line.failed),
                count(line.input_tokens),
                count(line.output_tokens),
                usd(line.spent_usd),
                _listed(line.unpriced) or MISSING,
            ]
            for line in report.models
        ],
        numbers=["asked", "failed", "tokens in", "tokens out", "spent"],
    )


def _print_feedback(report: SpendReport) -> None:
    if report.feedback:
        print_table(
            "Feedback on what was answered, from those who gave any",
            ["task", "model", "decision", "calls", "good", "bad", "mean score"],
            [
                [
                    line.task,
                    line.model,
                    line.decision,
                    count(line.calls),
                    count(line.good),
                    count(line.bad),
                    f"{line.mean_score:.2f}",
                ]
                for line in report.feedback
            ],
            numbers=["calls", "good", "bad", "mean score"],
        )


def _saving(report: SpendReport) -> Iterable[str]:
    total, studies = report.total, report.measuring
    about = total.estimated_calls > 0
    yield f"Saved on {total.compared_calls:,} compared calls: {usd(total.saving_usd, about=about)}"
    if studies.studies:
        unknown = (
            f", without {studies.unpriced_calls:,} asks of unknown cost"
            if studies.unpriced_calls
            else ""
        )
        yield (
            f"Measuring cost: {usd(studies.usd, about=studies.possibly_paid_usd > 0)} in "
            f"{studies.studies} {'study' if studies.studies == 1 else 'studies'}{unknown}"
        )
    interval = f", 95 % {span(report.net_saving_interval)}" if about else ""
    yield f"Net saving: {usd(report.net_saving_usd, about=about)}{interval}"


def _missing(report: SpendReport) -> Iterable[str]:
    total = report.total
    for estimate in report.estimates:
        basis = estimate.basis
        over = "" if basis.n is None else f" over {basis.n:,}"
        yield (
            f"≈ {basis.task}: {estimate.calls:,} calls taken at {basis.model}'s mean of "
            f"{usd(basis.mean_usd)}{over} ({basis.source})"
        )
    for why, calls in total.left_out.items():
        yield f"not in the saving: {calls:,} calls ({why})"
    if report.feedback_unknown:
        yield f"feedback on {report.feedback_unknown:,} calls that are not in the log"
    for line in report.models:
        for why, attempts in line.unpriced.items():
            yield f"not priced: {attempts:,} attempts of {line.model} ({why})"


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {n:,}" for name, n in counts.items())
