"""What a study is told as besides its table: failures first, in the terminal or as a page, and
Markdown for a pull request."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from downroute.cli.study_wishes import Wishes
from downroute.errors import InputError, UsageError
from downroute.records import Json
from downroute.study.conclusion import Finding
from downroute.study.failures import Failure, failures
from downroute.study.prepared import PreparedTask

_SHOWN_CHARACTERS = 2000
_MOST_WITHOUT_A_PAGER = 20


def tell_more(
    wishes: Wishes,
    findings: Sequence[Finding],
    worth: Sequence[PreparedTask],
    report: Mapping[str, Json],
    output: Console,
) -> None:
    """Whatever of it was wished for."""
    if wishes.markdown is not None:
        from downroute.reports.study_markdown import study_markdown

        write_text(wishes.markdown, study_markdown(report))
        output.print(f"markdown: {wishes.markdown}")
    if not wishes.failures and wishes.failures_html is None:
        return
    found = failures(findings, {task.name: task.examples for task in worth})
    if wishes.failures_html is not None:
        from downroute.reports.failures_page import write_failures_page

        rows = [failure.as_json() for failure in found]
        write_failures_page(wishes.failures_html, rows, report["baseline"], report["candidates"])
        output.print(f"failures: {wishes.failures_html}")
    if wishes.failures:
        print_failures(output, found, report["baseline"])


def refuse_unwritable(wishes: Wishes) -> None:
    """Said before anything is paid for, not after.

    Raises:
        UsageError: a file that is asked for cannot be written where it is to be.
    """
    named = (wishes.html, wishes.markdown, wishes.failures_html, wishes.export_grades)
    for path in (p for p in named if p is not None):
        if path.is_dir():
            raise UsageError(f"{path}: cannot be written: it is a folder")
        if not path.parent.is_dir():
            raise UsageError(f"{path}: cannot be written: there is no folder {path.parent}")
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            raise UsageError(f"{path}: cannot be written: permission denied")


def write_text(path: Path, text: str) -> None:
    """Write a file.

    Raises:
        InputError: it cannot be written.
    """
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as fault:
        raise InputError(f"{path}: cannot be written: {fault.strerror}") from None


def print_failures(output: Console, found: Sequence[Failure], baseline: str) -> None:
    """Worst first: all of them through a pager on a terminal, elsewhere the first."""
    if output.is_terminal:
        with output.pager():
            for failure in found:
                output.print(_told(failure, baseline), markup=False, highlight=False)
        return
    for failure in found[:_MOST_WITHOUT_A_PAGER]:
        output.print(_told(failure, baseline), markup=False, highlight=False, soft_wrap=True)
    left = len(found) - _MOST_WITHOUT_A_PAGER
    if left > 0:
        output.print(f"… and {left:,} more; all of them: --failures-html FILE")


def _told(failure: Failure, baseline: str) -> str:
    lines = [
        f"── {failure.task}: {failure.kind.value} ({failure.example}"
        + (f", {failure.slice})" if failure.slice else ")"),
        _cut(failure.prompt),
        f"  {baseline}{_score(failure.scores[0])}: {_cut(failure.baseline)}",
        *([f"    {failure.why[0]}"] if failure.why[0] else []),
        f"  candidate{_score(failure.scores[1])}: {_cut(failure.candidate)}",
        *([f"    {failure.why[1]}"] if failure.why[1] else []),
        *([f"  right: {_cut(failure.reference)}"] if failure.reference is not None else []),
        "",
    ]
    return "\n".join(lines)


def _score(score: float | None) -> str:
    return "" if score is None else f" ({score:g})"


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + " …"
