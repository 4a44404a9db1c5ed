"""The I/O around a study: plan, ask, measure, print, write. The study itself is `study.study`."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from downroute.cli.judges import allowed_judges, judge_models, refuse_unpriced
from downroute.cli.policy_file import read_policy_file
from downroute.cli.pricing import price_table, pricing
from downroute.cli.study_asking import Asking, whom
from downroute.cli.study_conclusion import StudyEntry, tell
from downroute.cli.study_file import answered, take_in
from downroute.cli.study_more import refuse_unwritable
from downroute.cli.study_output import print_left_out, print_plan, progress_bars
from downroute.cli.study_plan import estimate, plan_json, print_prospects
from downroute.cli.study_wishes import Wishes
from downroute.cli.tables import console
from downroute.config import Settings
from downroute.errors import UsageError
from downroute.money.rates import Rates
from downroute.reports.display import usd
from downroute.store import FILES, Store
from downroute.study.asking import Paying
from downroute.study.budget import Budget
from downroute.study.conclusion import Finding
from downroute.study.grading_file import (
    grading_rows,
    read_grading_file,
    refuse_existing,
    write_grading_file,
)
from downroute.study.ledger import (
    INTERRUPTED,
    add_grades,
    begin_or_resume,
    known_grades,
)
from downroute.study.pairs import PairScore
from downroute.study.plan import fewest_pairs
from downroute.study.preparation import prepare
from downroute.study.prepared import PreparedTask
from downroute.study.settings import StudySettings
from downroute.study.study import run
from downroute.study.terms import margin_of
from downroute.study.verdict import Stopped
from downroute.upstream_settings import Upstream

LOCK = "study"
DEFAULT_CONCURRENCY: int = Upstream.model_fields["concurrency"].default


def run_study(question: StudySettings, settings: Settings, wishes: Wishes) -> int:
    """Run the study and return the exit code."""
    output = console(stderr=wishes.as_json)
    refuse_unwritable(wishes)
    prices = price_table(settings)
    question = replace(question, floor=_floor_wanted(question, settings, wishes))
    asked_models = [*map(question.model_of, question.candidates)]
    if wishes.floor or wishes.from_file is not None:
        asked_models.append(question.baseline)
    if question.helper is not None:
        asked_models.append(question.helper)
    refuse_unpriced(asked_models, prices.rates, question.budget_usd)

    def rates(name: str) -> Rates | None:
        return prices.rates(question.model_of(name))

    creating = wishes.from_file is not None
    with Store.open(wishes.store, create=creating) as store, store.lock(LOCK):
        policy_text = read_policy_file(wishes.policy)
        if wishes.export_grades is not None:
            refuse_existing(wishes.export_grades)
        store.calls.fill_missing_costs(pricing(prices))
        only, paid = None, 0.0
        if wishes.from_file is not None:
            only = _take_in(wishes.from_file, store, question, settings, wishes, output, rates)
            if only is None:
                return 0
            store.calls.fill_missing_costs(pricing(prices))
            paid = store.journal.spent(begin_or_resume(store, question, time.time())).paid_usd
        prepared = prepare(store, question, settings, rates, only)
        worth = [
            t
            for t in prepared
            if t.worth_measuring(question, margin_of(t.name, question, settings))
        ]
        allowed_judges(worth, settings, wishes.upstream_url)
        refuse_unpriced(judge_models(worth, settings), prices.rates, question.budget_usd)
        print_left_out(output, prepared, worth, question)
        if not worth:
            raise UsageError(
                f"no task has the {fewest_pairs(question.margin, alpha=question.alpha)} distinct "
                "requests with content that it takes to show anything; import more calls, set "
                "`store: {bodies: full}` so that the gateway keeps content, or name a --task"
            )
        slots = wishes.concurrency
        if slots is None and settings.upstreams:
            slots = settings.upstream_of(asked_models[0])[1].concurrency
        question = replace(question, floor=_affordable(question, worth, wishes))
        ahead = estimate(
            worth, question, slots or Upstream.model_fields["concurrency"].default, paid
        )
        if wishes.plan and wishes.as_json:
            print(json.dumps(plan_json(worth, question, ahead), ensure_ascii=False, indent=2))
            return 0
        print_plan(output, worth, question)
        print_prospects(output, worth, ahead)
        if wishes.plan:
            return 0
        confirm(wishes, output)
        grades = _grades(store, wishes)
        started_at = time.time()
        asked = {c: whom(question.model_of(c), settings, wishes) for c in question.candidates}
        asked |= {m: whom(m, settings, wishes) for m in judge_models(worth, settings)}
        if question.helper is not None:
            asked[question.helper] = whom(question.helper, settings, wishes)
        if question.floor:
            asked[question.baseline] = whom(question.baseline, settings, wishes)
        how = {
            "upstreams": asked,
            "judge": wishes.judge,
            "only": None if only is None else sorted(only),
        }
        study_id = begin_or_resume(store, question, started_at, how)
        before = store.journal.spent(study_id)
        budget = Budget(question.budget_usd, before.paid_usd + before.possibly_paid_usd)
        try:
            findings = asyncio.run(
                _measure(
                    worth, question, settings, wishes, grades, store, budget, study_id,
                    output, rates,
                )
            )  # fmt: skip
        except BaseException:
            store.ledger.finish_study(study_id, INTERRUPTED, None)
            raise
        _write_grades(wishes, findings, worth, store, output)
        entry = StudyEntry(study_id, started_at)
        return tell(
            findings, worth, question, settings, wishes, store, entry, policy_text, output, ahead
        )


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
        asking = Asking(question, settings, wishes, stack, rates)
        candidates = [await asking.candidate(name) for name in question.candidates]
        baseline = await asking.baseline() if question.floor else None
        judges = {m: await asking.other(m) for m in judge_models(worth, settings)}
        helper = None if question.helper is None else await asking.other(question.helper)
        with progress_bars(console, worth, question) as progress:
            paying = Paying(study_id, store.journal, budget, progress)
            return await run(
                worth, candidates, paying, question, settings, grades, baseline, judges, helper
            )


def _floor_wanted(question: StudySettings, settings: Settings, wishes: Wishes) -> bool:
    """As the command line says; else where the settings leave no doubt where the baseline lives."""
    if wishes.floor is not None:
        return wishes.floor
    known = question.baseline in settings.models or len(settings.upstreams) == 1
    return wishes.upstream_url is None and known


def _affordable(question: StudySettings, worth: Sequence[PreparedTask], wishes: Wishes) -> bool:
    """Whether the baseline is asked again: not where nobody asked for it and the budget may not
    suffice for it too."""
    if wishes.floor is not None or question.budget_usd is None:
        return question.floor
    costs = [c for t in worth for c in (t.plan.cost_usd, t.plan.floor_usd)]
    total = sum(c or 0.0 for c in costs)
    return question.floor and None not in costs and total <= question.budget_usd


def _take_in(
    file: Path,
    store: Store,
    question: StudySettings,
    settings: Settings,
    wishes: Wishes,
    output: Console,
    rates: Callable[[str], Rates | None],
) -> frozenset[str] | None:
    """The ids of the calls that ``file`` holds, answered; ``None`` = only the plan was wanted."""
    read = take_in(file, store, question)
    for line in read.told():
        output.print(line, soft_wrap=True)
    if not read.unanswered:
        return read.ids
    usd_ahead = read.cost_usd(rates(question.baseline))
    output.print(
        f"{read.missing} examples have no answer of {question.baseline}: it is asked for "
        f"them first, about {usd(usd_ahead)}.", soft_wrap=True,
    )  # fmt: skip
    if wishes.plan:
        output.print(
            f"Then at most as many calls to {', '.join(question.candidates)}; the plan for these "
            "is printed once the baseline has answered."
        )
        return None
    confirm(wishes, output)
    study_id = begin_or_resume(store, question, time.time())
    before = store.journal.spent(study_id)
    budget = Budget(question.budget_usd, before.paid_usd + before.possibly_paid_usd)
    paying = Paying(study_id, store.journal, budget, lambda *_: None)

    async def ask() -> frozenset[str]:
        async with AsyncExitStack() as stack:
            asking = Asking(question, settings, wishes, stack, rates)
            return await answered(read, await asking.baseline(), paying, store)

    try:
        return read.ids | asyncio.run(ask())
    except BaseException:
        store.ledger.finish_study(study_id, INTERRUPTED, None)
        raise


def confirm(wishes: Wishes, console: Console) -> None:
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
        read = read_grading_file(wishes.grades, store.blinding.behind)
        add_grades(store, read, grader=wishes.grades.name, at=time.time())
    return known_grades(store)


def _write_grades(
    wishes: Wishes,
    findings: Sequence[Finding],
    worth: Sequence[PreparedTask],
    store: Store,
    console: Console,
) -> None:
    if wishes.export_grades is None:
        return
    by_name = {t.name: t for t in worth}
    rows = []
    for f in findings:
        if f.result.stopped in (Stopped.GRADES, Stopped.LABELS):
            task = by_name[f.result.task]
            waiting = [(task.name, p.key) for p in f.pairs if p.to_grade]
            sides = store.blinding.blind(FILES, waiting)
            rows += grading_rows(f.pairs, task.examples, f.measured, sides)
    count = write_grading_file(wishes.export_grades, rows)
    console.print(
        f"{count} pairs to grade are in {wishes.export_grades}; fill in `grade`, then run the same "
        f"command with --grades {wishes.export_grades}"
    )
