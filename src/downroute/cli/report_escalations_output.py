"""How ``downroute report --escalations`` prints it."""

from __future__ import annotations

from pathlib import Path

import typer

from downroute.cli.tables import print_table
from downroute.reports.display import count, moment, share
from downroute.reports.escalation_lines import NO_GROUP, about, bounds, facts, looked_at
from downroute.reports.escalation_values import (
    Course,
    EscalationReport,
    Group,
    Suggestion,
    TaskEscalations,
)

BAR = 30
"""Characters of a bar that stands for everything."""


def print_escalations(
    report: EscalationReport, folder: Path, task: str | None, *, diffs: bool
) -> None:
    """Every task with a cascade; ``diffs`` prints what suggestions change."""
    if not report.tasks:
        of = "" if task is None else f" of the task '{task}'"
        typer.echo(
            f"no answer{of} was judged in {folder}: only routes with several models escalate"
        )
    for one in report.tasks:
        _print_task(one, diffs)


def _print_task(task: TaskEscalations, diffs: bool) -> None:
    typer.echo(f"{task.task}\n{'=' * len(task.task)}")
    for name, words in facts(task):
        typer.echo(f"{name:<11}{words}")
    if task.causes:
        print_table(
            "Why",
            ["why", "calls"],
            [[cause, count(n)] for cause, n in task.causes.items()],
            numbers=["calls"],
        )
    if len(task.course.buckets) > 1:
        _print_course(task.course)
    read = (
        f", {count(task.with_words)} of them with words" if task.with_words else ", no words kept"
    )
    looked = f"{looked_at(task)}{read}, {count(task.tests)} conditions"
    if not task.groups:
        typer.echo(f"{NO_GROUP} among {looked}.\n")
        return
    typer.echo(f"Groups that escalate more, among {looked}:\n")
    for number, group in enumerate(task.groups, start=1):
        _print_group(number, group, diffs)


def _print_course(course: Course) -> None:
    print_table(
        "Over time (UTC)",
        ["from", "calls", "escalated", "", "share, 95 %"],
        [
            [
                moment(b.start),
                count(b.calls),
                share(b.share.estimate),
                "█" * round(BAR * b.share.estimate),
                bounds(b.share),
            ]
            for b in course.buckets
        ],
        numbers=["calls", "escalated"],
    )


def _print_group(number: int, group: Group, diffs: bool) -> None:
    typer.echo(f"{number}. {group.words}")
    for line in about(group):
        typer.echo(f"   {line}")
    for example in group.examples:
        said = "" if example.words is None else f"  {example.words}"
        typer.echo(f"   {example.id}{said}")
    for suggestion in group.suggestions:
        _print_suggestion(suggestion, diffs)
    typer.echo("")


def _print_suggestion(suggestion: Suggestion, diffs: bool) -> None:
    mark = "→ try first:" if suggestion.advised else "→ or:"
    typer.echo(f"   {mark} {suggestion.words}")
    if suggestion.diff is not None and (diffs or suggestion.file is None):
        for line in suggestion.diff.splitlines():
            typer.echo(f"       {line}")
    typer.echo(f"     measure it: {suggestion.measure}")
