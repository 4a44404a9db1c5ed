"""``downroute report --escalations``: what cascades escalate, and what to do about it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from downroute.config import Settings
    from downroute.records import Policy
    from downroute.reports.escalation_suggest import PolicyText
    from downroute.reports.escalation_values import EscalationReport, Suggestion
    from downroute.reports.escalation_words import Grade
    from downroute.store import Store


def report_escalations(
    settings: Settings,
    folder: Path,
    *,
    task: str | None,
    since: float | None,
    suggest: Path | None,
    html: Path | None,
    as_json: bool,
) -> None:
    """Print the report, and write what was asked for."""
    from downroute.cli.pricing import price_table, pricing
    from downroute.reports.escalation_values import plain
    from downroute.reports.escalations import escalation_report
    from downroute.store import Store

    with Store.open(folder, create=False) as opened:
        opened.calls.fill_missing_costs(pricing(price_table(settings)))
        found = escalation_report(
            opened,
            _served(opened),
            _policy(settings, opened),
            task=task,
            since=since,
            grade=_grades(opened),
        )
    if suggest is not None:
        found = _written(found, suggest)
    if as_json:
        print(json.dumps(plain(found), ensure_ascii=False, indent=2))
    else:
        from downroute.cli.report_escalations_output import print_escalations

        print_escalations(found, folder, task, diffs=suggest is None)
    if html is not None:
        from downroute.reports.escalations_page import write_escalations_page

        write_escalations_page(html, found)
        typer.echo(f"page: {html}", err=as_json)


def _served(store: Store) -> Mapping[str, Policy]:
    from downroute.reports.spend import served

    return served(store)


def _policy(settings: Settings, store: Store) -> PolicyText | None:
    """What changes are proposed to: the policy file, else what was served last; nothing where
    neither can be read."""
    from downroute.errors import PolicyError
    from downroute.reports.escalation_suggest import PolicyText
    from downroute.routing.policy import read_policy

    served = store.ledger.policies()
    if settings.policy.exists():
        from downroute.cli.policy_reading import policy_text

        found = PolicyText(str(settings.policy), policy_text(settings.policy))
    elif served:
        found = PolicyText(served[-1].path, served[-1].text)
    else:
        return None
    try:
        read_policy(found.text, found.name)
    except PolicyError as fault:
        typer.echo(f"no change to the policy can be proposed: {fault}", err=True)
        return None
    return found


def _grades(store: Store) -> Grade:
    """What people said of the pair of an escalated call's two answers."""
    from downroute.prompts import request_digest
    from downroute.records import Attempt, Call, Example
    from downroute.study.ledger import known_grades
    from downroute.study.pairs import PairScore, pair_key

    known = known_grades(store)

    def grade(call: Call, rejected: Attempt) -> PairScore | None:
        if not known or call.answer is None or call.request is None:
            return None
        asked = request_digest(call.request)
        example = Example(call.id, call.task or "", call.request, asked, call.answer)
        return known.get(pair_key(example, call.model, rejected.model, rejected.answer))

    return grade


def _written(report: EscalationReport, folder: Path) -> EscalationReport:
    """The report with its suggestions on disk and their commands naming the files.

    Raises:
        InputError: a file cannot be written.
    """
    return replace(
        report,
        tasks=tuple(
            replace(
                task,
                groups=tuple(
                    replace(
                        group,
                        suggestions=tuple(
                            _saved(s, folder, task.task, number) for s in group.suggestions
                        ),
                    )
                    for number, group in enumerate(task.groups, start=1)
                ),
            )
            for task in report.tasks
        ),
    )


def _saved(suggestion: Suggestion, folder: Path, task: str, group: int) -> Suggestion:
    from downroute.errors import InputError
    from downroute.reports.escalation_suggest import FILE, file_name

    text = suggestion.policy or suggestion.prompt
    if text is None:
        return suggestion
    path = folder / file_name(task, group, suggestion)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as fault:
        raise InputError(f"{path}: cannot be written: {fault.strerror}") from None
    command = suggestion.measure.replace(FILE, quote(str(path)))
    return replace(suggestion, measure=command, file=str(path))
