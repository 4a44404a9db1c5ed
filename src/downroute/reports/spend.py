"""What the gateway's calls cost, and what the same calls would have cost on the baseline alone.

One pass over the log. Every sum is over calls whose figures are known; what is not known is
counted beside it and never taken as 0. Savings are net: attempts whose answer was not good enough,
shadows and the studies' own spending are all in them, so they may be negative.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable

from downroute.errors import PolicyError
from downroute.records import Call, Json, Policy
from downroute.reports.accounts import (
    SELECTED,
    Policies,
    account,
    answer_cost,
    attempts,
    task_of,
)
from downroute.reports.estimates import RunningMean
from downroute.reports.lines import Estimate, FeedbackLine, Line, Measuring, SpendReport
from downroute.reports.tallies import Known, ModelTally, Tally
from downroute.routing.fingerprint import unnamed_task
from downroute.routing.policy import read_policy
from downroute.store import Store


def spend_report(store: Store, since: float | None = None) -> SpendReport:
    """The report over the gateway calls of ``store`` that started at ``since`` or later."""
    policies = Policies(served(store))
    report = summed(store.calls.each(), policies, measuring(store, since), since)
    return dataclasses.replace(
        report, feedback=feedback(store, since), feedback_unknown=store.feedback.unknown(since)
    )


def feedback(store: Store, since: float | None = None) -> tuple[FeedbackLine, ...]:
    """What was said of answers to calls that started at ``since`` or later; most calls first."""
    return tuple(
        FeedbackLine(
            task=group.task if group.task is not None else unnamed_task(group.fingerprint),
            model=group.model,
            decision=group.decision,
            calls=group.calls,
            good=group.good,
            bad=group.bad,
            mean_score=group.mean_score,
        )
        for group in store.feedback.groups(since)
    )


def summed(
    calls: Iterable[Call],
    policies: Policies,
    studies: Measuring | None = None,
    since: float | None = None,
) -> SpendReport:
    """The report over ``calls``. Those that did not come through the gateway, or came before
    ``since``, count only towards the baseline's mean costs."""
    tasks: dict[str, Tally] = defaultdict(Tally)
    models: dict[str, ModelTally] = defaultdict(ModelTally)
    logged: dict[tuple[str, str], RunningMean] = defaultdict(RunningMean)
    first = last = None
    for call in calls:
        _note_cost(logged, call)
        if call.decision is None or (since is not None and (call.started_at or 0.0) < since):
            continue
        if call.started_at is not None:
            first = call.started_at if first is None else min(first, call.started_at)
            last = call.started_at if last is None else max(last, call.started_at)
        entry = account(call, policies)
        tasks[entry.task].add(call, entry)
        for attempt in attempts(call):
            models[attempt.model].add(attempt)
    whole = Tally()
    for tally in tasks.values():
        whole.merge(tally)
    known = Known(logged)
    return SpendReport(
        since=since,
        first=first,
        last=last,
        total=whole.line(known),
        tasks={
            name: tally.line(known)
            for name, tally in sorted(tasks.items(), key=lambda t: (-t[1].calls, t[0]))
        },
        models=tuple(
            sorted((m.line(name) for name, m in models.items()), key=lambda m: -m.spent_usd)
        ),
        estimates=tuple(
            Estimate(known.completed(b), cell.calls)
            for b, cell in whole.cells.items()
            if b is not None and known.completed(b).mean_usd is not None
        ),
        measuring=studies or Measuring(),
    )


def measuring(store: Store, since: float | None = None) -> Measuring:
    """What the studies of ``store`` spent that began at ``since`` or later."""
    begun = [s for s in store.ledger.studies() if since is None or s.started_at >= since]
    spent = [store.journal.spent(study.id) for study in begun]
    return Measuring(
        studies=len(begun),
        paid_usd=sum((s.paid_usd for s in spent), 0.0),
        possibly_paid_usd=sum((s.possibly_paid_usd for s in spent), 0.0),
        unpriced_calls=sum(s.unpriced for s in spent),
    )


def as_json(report: SpendReport) -> dict[str, Json]:
    """The report as plain values; what is not known is null."""
    interval = report.net_saving_interval
    return {
        "since": report.since,
        "first_started_at": report.first,
        "last_started_at": report.last,
        **_line_json(report.total),
        "measuring": dataclasses.asdict(report.measuring),
        "net_saving_usd": report.net_saving_usd,
        "net_saving_usd_interval": None if interval is None else list(interval),
        "tasks": [{"task": name, **_line_json(line)} for name, line in report.tasks.items()],
        "models": [dataclasses.asdict(line) for line in report.models],
        "feedback": {
            "lines": [dataclasses.asdict(line) for line in report.feedback],
            "unknown_calls": report.feedback_unknown,
        },
        "estimates": [{**dataclasses.asdict(e.basis), "calls": e.calls} for e in report.estimates],
    }


def _line_json(line: Line) -> dict[str, Json]:
    compared = line.compared_calls > 0
    half = line.half_width_usd if compared else None
    return {
        "calls": line.calls,
        "decisions": dict(line.decisions),
        "escalation": line.escalation,
        "spent_usd": line.spent_usd,
        "unpriced_calls": line.unpriced_calls,
        "compared": {
            "calls": line.compared_calls,
            "estimated_calls": line.estimated_calls,
            "left_out": dict(line.left_out),
            "spent_usd": line.compared_usd if compared else None,
            "all_baseline_usd": line.baseline_usd if compared else None,
            "all_baseline_half_width_usd": half,
            "all_candidate_usd": line.candidate_usd if compared else None,
            "saving_usd": line.saving_usd,
            "saving_share": line.saving_share,
        },
    }


def _note_cost(logged: dict[tuple[str, str], RunningMean], call: Call) -> None:
    if call.decision in SELECTED:
        return
    cost = answer_cost(call)
    if cost is not None:
        logged[task_of(call), call.model].add(cost)


def served(store: Store) -> dict[str, Policy]:
    """Every policy that was served; one that this version cannot read explains no call."""
    found = {}
    for served in store.ledger.policies():
        try:
            found[served.digest] = read_policy(served.text, served.path)
        except PolicyError:
            continue
    return found
