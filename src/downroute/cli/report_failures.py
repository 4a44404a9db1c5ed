"""``downroute report --failures``: the pairs of an earlier study to look at first."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from downroute.cli.grade_open import remember
from downroute.cli.report_study import LAST
from downroute.cli.study_more import print_failures
from downroute.cli.tables import console
from downroute.config import Settings
from downroute.reports.failures_page import write_failures_page
from downroute.store import Store
from downroute.study.asking import UNANSWERED
from downroute.study.failures import failures
from downroute.study.ledger import known_grades
from downroute.study.recall import rejudge


def report_failures(
    settings: Settings,
    folder: Path,
    study: str | None,
    task: str | None,
    *,
    html: Path | None,
    as_json: bool,
) -> None:
    """Print the failures of a study, or write them as a page. Nothing is asked: log, journal and
    grades hold all of it.

    Raises:
        UsageError: there is no such study, or it measured no such task.
    """
    with Store.open(folder, create=False) as store:
        wanted = None if study in (None, LAST) else study
        found = remember(store, settings, wanted, () if task is None else (task,))
        # Which answers failed is asked for, not what a cascade would make of them.
        question = replace(found.question, cascade=False, floor=False)
        memory = replace(found.memory, question=question)
        grades = known_grades(store)
        findings = [rejudge(memory, one, grades) for one in found.prepared]
    listed = failures(findings, {one.name: one.examples for one in found.prepared})
    output = console(stderr=as_json)
    for finding in findings:
        if finding.result.message == UNANSWERED:
            output.print(f"{finding.result.task}: {UNANSWERED}", style="dim")
    rows = [failure.as_json() for failure in listed]
    if html is not None:
        write_failures_page(html, rows, question.baseline, question.candidates)
        output.print(f"failures: {html}")
    if as_json:
        report = {"study": found.record.id, "baseline": question.baseline, "failures": rows}
        print(json.dumps(report, ensure_ascii=False, indent=2))
    elif html is None:
        print_failures(output, listed, question.baseline)
