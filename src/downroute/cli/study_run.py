"""The I/O around a study: plan, ask, measure, print, write. The study itself is `study.study`."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack

from rich.console import Console

from downroute.cli.policy_file import read_policy_file
from downroute.cli.pricing import price_table, pricing
from downroute.cli.study_conclusion import StudyEntry, Wishes, tell
from downroute.cli.study_output import (
    print_left_out,
    print_plan,
    progress_bars,
)
from downroute.cli.tables import console
from downroute.config import Settings, read_secret
from downroute.errors import UsageError
from downroute.money.rates import Rates
from downroute.providers.client import Client
from downroute.providers.parameters import adapt
from downroute.records import Json
from downroute.store import FILES, Store
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
from downroute.study.measurement import Candidate, Paying
from downroute.study.pairs import PairScore
from downroute.study.plan import fewest_pairs
from downroute.study.prepared import PreparedTask
from downroute.study.settings import StudySettings
from downroute.study.study import (
    margin_of,
    prepare,
    run,
)
from downroute.study.verdict import Stopped

LOCK = "study"


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
        asked = {m: _asked(m, settings, wishes) for m in question.candidates}
        study_id = begin_or_resume(store, question, started_at, asked)
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
        _write_grades(wishes, findings, worth, store, output)
        entry = StudyEntry(study_id, started_at)
        return tell(findings, worth, question, settings, wishes, store, entry, policy_text, output)


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
        found.append(
            Candidate(
                model=model,
                upstream=_asked(model, settings, wishes),
                adapt=adapter(model, settings),
                ask=client.ask,
                slots=semaphore,
                concurrency=concurrency,
                rates=rates(model),
            )
        )
    return found


def _asked(model: str, settings: Settings, wishes: Wishes) -> str:
    """Whom a candidate's answers come from, as the journal names it."""
    return wishes.upstream_url or settings.upstream_of(model)[0]


def adapter(model: str, settings: Settings) -> Callable[[Mapping[str, Json]], Mapping[str, Json]]:
    """How a request is put to ``model``."""
    own = settings.model(model)
    return lambda request: adapt(
        request, own.name or model, set_=own.set, rename=own.rename, drop=own.drop
    )


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
        if f.result.stopped is Stopped.GRADES:
            task = by_name[f.result.task]
            waiting = [(task.name, p.key) for p in f.pairs if p.to_grade]
            sides = store.blinding.blind(FILES, waiting)
            rows += grading_rows(f.pairs, task.examples, f.measured, sides)
    count = write_grading_file(wishes.export_grades, rows)
    console.print(
        f"{count} pairs to grade are in {wishes.export_grades}; fill in `grade`, then run the same "
        f"command with --grades {wishes.export_grades}"
    )
