"""From findings to what a user gets: ledger, policy, what is printed, the exit code."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import typer
from rich.console import Console

from downroute.cli.policy_file import write_policy_file
from downroute.cli.pricing import price_table
from downroute.cli.study_more import tell_more
from downroute.cli.study_output import policy_diff, print_diff, print_results
from downroute.cli.study_plan import Estimate, compared, truth
from downroute.cli.study_wishes import Wishes
from downroute.config import Settings
from downroute.errors import BudgetError, PolicyError
from downroute.records import Json
from downroute.store import Store
from downroute.study.among_all import among_all
from downroute.study.conclusion import Finding
from downroute.study.ledger import FINISHED, OUT_OF_BUDGET, finish
from downroute.study.prepared import PreparedTask
from downroute.study.provenance import made_with
from downroute.study.result import TaskResult
from downroute.study.settings import StudySettings
from downroute.study.study import conclude, new_policy
from downroute.study.verdict import Outcome, Stopped


@dataclass(frozen=True, slots=True)
class StudyEntry:
    """Where a study stands in the ledger."""

    id: str
    started_at: float


def tell(
    findings: Sequence[Finding],
    worth: Sequence[PreparedTask],
    question: StudySettings,
    settings: Settings,
    wishes: Wishes,
    store: Store,
    entry: StudyEntry,
    policy_text: str,
    output: Console,
    estimate: Estimate | None = None,
    others: Sequence[Mapping[str, Json]] = (),
) -> int:
    """Draw the conclusions: ledger, policy, what is printed; the exit code. ``others`` is what the
    same study has found of further tasks."""
    judges = (settings.judge_of(task.name).model for task in worth if task.choice.asked)
    made = made_with(question, price_table(settings).rates, *(j for j in judges if j))
    results = conclude(
        findings,
        worth,
        question,
        settings,
        study_id=entry.id,
        started_at=entry.started_at,
        made_with=made,
        others=others,
    )
    unmerged: PolicyError | None = None
    try:
        # No route can change a prompt, so what was shown of one is no reason to write any.
        shown = results if question.system is None else []
        merged = new_policy(policy_text, str(wishes.policy), shown, worth)
    except PolicyError as fault:
        # The verdicts were paid for and are told first.
        merged, unmerged = policy_text, fault
    report = {
        **report_json(question, results, entry.id, store),
        "made_with": made,
        "policy_diff": policy_diff(wishes.policy, policy_text, merged),
        "estimate": estimate.as_json() if estimate else None,
        "truth": truth(results, store.journal.spent(entry.id), time.time() - entry.started_at),
    }
    report["tasks"] += among_all(others, results)
    short = any(r.stopped is Stopped.BUDGET for r in results)
    finish(store, entry.id, OUT_OF_BUDGET if short else FINISHED, report, results)
    if wishes.as_json:
        print(json.dumps(report, ensure_ascii=False, indent=2))
    else:
        print_diff(output, wishes.policy, policy_text, merged)
        print_results(output, results, worth, question, report)
        if estimate is not None:
            output.print(compared(estimate, report["truth"]), soft_wrap=True)
    if wishes.html is not None:
        from downroute.reports.verdicts import write_verdicts_page

        write_verdicts_page(wishes.html, report, str(wishes.policy))
        output.print(f"page: {wishes.html}")
    tell_more(wishes, findings, worth, report, output)
    if unmerged is not None:
        raise PolicyError(f"the routes were not written: {unmerged}") from None
    if merged != policy_text:
        write_policy_file(wishes.policy, merged)
    for result in (r for best in results for r in (best, *best.others)):
        if result.stopped is Stopped.FAULT:
            typer.echo(f"error: {result.task}: {result.message}", err=True)
    return exit_code(results)


def exit_code(results: Sequence[TaskResult]) -> int:
    """Over many tasks the first that applies: 1 fault, 102 budget, 100 kept, 101 inconclusive."""
    if any(r.stopped is Stopped.FAULT for r in results):
        return 1
    if any(r.stopped is Stopped.BUDGET for r in results):
        return BudgetError.exit_code
    outcomes = {r.outcome for r in results}
    if Outcome.KEEP in outcomes:
        return 100
    return 101 if Outcome.INCONCLUSIVE in outcomes else 0


def report_json(
    question: StudySettings,
    results: Sequence[TaskResult],
    study_id: str,
    store: Store,
) -> dict[str, Json]:
    """The one object ``--json`` prints and the ledger keeps. ``spent_usd`` holds what is known to
    be paid, earlier runs of the same study included; ``possibly_paid_usd`` comes on top."""
    spent = store.journal.spent(study_id)
    return {
        "study": study_id,
        "baseline": question.baseline,
        "candidates": list(question.candidates),
        "margin": question.margin,
        "relative": question.relative,
        "confidence": question.confidence,
        "seed": question.seed,
        "spent_usd": None if spent.unpriced else spent.paid_usd,
        "unpriced_calls": spent.unpriced,
        "possibly_paid_calls": len(store.journal.unfinished(study_id)),
        "possibly_paid_usd": spent.possibly_paid_usd,
        "asking": store.journal.effort(study_id)._asdict(),
        "tasks": [r.as_json() for r in results],
    }
