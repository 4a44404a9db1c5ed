"""The I/O around a study: plan, ask, measure, print, write. The study itself is `study.study`."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.console import Console

from downroute.cli.policy_file import read_policy_file, write_policy_file
from downroute.cli.pricing import price_table, pricing
from downroute.cli.study_output import (
    print_diff,
    print_left_out,
    print_plan,
    print_results,
    progress_bars,
)
from downroute.cli.tables import console
from downroute.config import Settings, read_secret
from downroute.errors import BudgetError, PolicyError, UsageError
from downroute.money.rates import Rates
from downroute.providers.client import Client
from downroute.providers.parameters import adapt
from downroute.records import Json
from downroute.store import Store
from downroute.study.budget import Budget
from downroute.study.conclusion import Finding
from downroute.study.grading_file import (
    grading_rows,
    read_grading_file,
    refuse_existing,
    write_grading_file,
)
from downroute.study.ledger import (
    FINISHED,
    INTERRUPTED,
    OUT_OF_BUDGET,
    add_grades,
    begin_or_resume,
    finish,
    known_grades,
)
from downroute.study.measurement import Candidate, Paying
from downroute.study.pairs import PairScore
from downroute.study.plan import fewest_pairs
from downroute.study.prepared import PreparedTask
from downroute.study.result import TaskResult
from downroute.study.settings import StudySettings
from downroute.study.study import (
    conclude,
    margin_of,
    new_policy,
    prepare,
    run,
)
from downroute.study.verdict import Outcome, Stopped

LOCK = "study"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the command line wants done besides the study itself."""

    store: Path
    policy: Path
    yes: bool
    as_json: bool
    html: Path | None
    export_grades: Path | None
    grades: Path | None
    upstream_url: str | None
    concurrency: int | None


def run_study(question: StudySettings, settings: Settings, wishes: Wishes) -> int:
    """Run the study and return the exit code."""
    output = console(stderr=wishes.as_json)
    prices = price_table(settings)
    unpriced = [c for c in question.candidates if prices.rates(c) is None]
    if question.budget_usd is not None and unpriced:
        raise UsageError(
            f"--budget needs the price of '{unpriced[0]}': add `prices: {{{unpriced[0]}: {{input: "
            "USD, output: USD}}` (per million tokens) to downroute.yaml"
        )
    with Store.open(wishes.store, create=False) as store, store.lock(LOCK):
        policy_text = read_policy_file(wishes.policy)
        if wishes.export_grades is not None:
            refuse_existing(wishes.export_grades)
        store.calls.fill_missing_costs(pricing(prices))
        prepared = prepare(store, question, settings, prices.rates)
        worth = [
            t
            for t in prepared
            if t.worth_measuring(question, margin_of(t.name, question, settings))
        ]
        print_left_out(output, prepared, worth, question)
        if not worth:
            raise UsageError(
                f"no task has the {fewest_pairs(question.margin, alpha=question.alpha)} distinct "
                "requests with content that it takes to show anything; import more calls, set "
                "`store: {bodies: full}` so that the gateway keeps content, or name a --task"
            )
        print_plan(output, worth, question)
        _confirm(wishes, output)
        grades = _grades(store, wishes)
        started_at = time.time()
        study_id = begin_or_resume(store, question, started_at)
        before = store.journal.spent(study_id)
        budget = Budget(question.budget_usd, before.paid_usd + before.possibly_paid_usd)
        try:
            findings = asyncio.run(
                _measure(
                    worth, question, settings, wishes, grades, store, budget, study_id,
                    output, prices.rates,
                )
            )  # fmt: skip
        except BaseException:
            store.ledger.finish_study(study_id, INTERRUPTED, None)
            raise
        results = conclude(
            findings, worth, question, settings, study_id=study_id, started_at=started_at
        )
        report = report_json(question, results, study_id, store)
        short = any(r.stopped is Stopped.BUDGET for r in results)
        finish(store, study_id, OUT_OF_BUDGET if short else FINISHED, report, results)
        _write_grades(wishes, findings, worth, output)
        unmerged: PolicyError | None = None
        try:
            merged = new_policy(policy_text, str(wishes.policy), results, worth)
        except PolicyError as fault:
            # The verdicts were paid for and are told first.
            merged, unmerged = policy_text, fault
        if wishes.as_json:
            print(json.dumps(report, ensure_ascii=False, indent=2))
        else:
            print_diff(output, wishes.policy, policy_text, merged)
            print_results(output, results, worth, question, report)
        if wishes.html is not None:
            from downroute.reports.verdicts import write_verdicts_page

            write_verdicts_page(wishes.html, report, str(wishes.policy))
            output.print(f"page: {wishes.html}")
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
        "tasks": [r.as_json() for r in results],
    }


async def _measure(
    worth: Sequence[PreparedTask],
    question: StudySettings,
    settings: Settings,
    wishes: Wishes,
    grades: Mapping[str, PairScore],
    store: Store,
    budget: Budget,
    study_id: str,
    console: Console,
    rates: Callable[[str], Rates | None],
) -> list[Finding]:
    async with AsyncExitStack() as stack:
        candidates = await _candidates(question, settings, wishes, stack, rates)
        with progress_bars(console, worth, question) as progress:
            paying = Paying(study_id, store.journal, budget, progress)
            return await run(worth, candidates, paying, question, settings, grades)


async def _candidates(
    question: StudySettings,
    settings: Settings,
    wishes: Wishes,
    stack: AsyncExitStack,
    rates: Callable[[str], Rates | None],
) -> list[Candidate]:
    """Each candidate with a client of its upstream; models on one upstream share its slots."""
    clients: dict[str, tuple[Client, asyncio.Semaphore, int]] = {}
    found = []
    for model in question.candidates:
        name, upstream = settings.upstream_of(model)
        if name not in clients:
            slots = wishes.concurrency or upstream.concurrency
            client = await stack.enter_async_context(
                Client(
                    upstream.base_url,
                    api_key=read_secret(upstream.key),
                    headers=upstream.headers,
                    # A URL from the command line stands in no file.
                    name=None if wishes.upstream_url else name,
                    timeout_s=upstream.timeout_s,
                    connections=slots,
                )
            )
            clients[name] = client, asyncio.Semaphore(slots), slots
        client, semaphore, concurrency = clients[name]
        own = settings.model(model)
        found.append(
            Candidate(
                model=model,
                upstream=wishes.upstream_url or name,
                adapt=_adapter(own.name or model, own.set, own.rename, own.drop),
                ask=client.ask,
                slots=semaphore,
                concurrency=concurrency,
                rates=rates(model),
            )
        )
    return found


def _adapter(
    name: str, set_: Mapping[str, Json], rename: Mapping[str, str], drop: Sequence[str]
) -> Callable[[Mapping[str, Json]], Mapping[str, Json]]:
    return lambda request: adapt(request, name, set_=set_, rename=rename, drop=drop)


def _confirm(wishes: Wishes, console: Console) -> None:
    if wishes.yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask on; pass --yes to go ahead with this plan")
    console.print("Go ahead? [y/N] ", end="")
    if input().strip().lower() not in ("y", "yes"):
        raise UsageError("nothing was asked and nothing was spent")


def _grades(store: Store, wishes: Wishes) -> dict[str, PairScore]:
    """All grades the store knows, with those of ``--grades`` added to it."""
    if wishes.grades is not None:
        read = read_grading_file(wishes.grades)
        add_grades(store, read, grader=wishes.grades.name, at=time.time())
    return known_grades(store)


def _write_grades(
    wishes: Wishes, findings: Sequence[Finding], worth: Sequence[PreparedTask], console: Console
) -> None:
    if wishes.export_grades is None:
        return
    by_name = {t.name: t for t in worth}
    rows = [
        row
        for f in findings
        if f.result.stopped is Stopped.GRADES
        for row in grading_rows(f.result.task, f.pairs, by_name[f.result.task].examples, f.measured)
    ]
    count = write_grading_file(wishes.export_grades, rows)
    console.print(
        f"{count} pairs to grade are in {wishes.export_grades}; fill in `grade`, then run the same "
        f"command with --grades {wishes.export_grades}"
    )
