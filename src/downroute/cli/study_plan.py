"""What a study will take, before it; what it took, after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from rich.console import Console

from downroute.cli.tables import make_table
from downroute.records import Json
from downroute.reports.display import usd
from downroute.store.journal import Spending
from downroute.study.foresight import DISCORDANCE
from downroute.study.prepared import PreparedTask
from downroute.study.result import TaskResult
from downroute.study.settings import StudySettings


@dataclass(frozen=True, slots=True)
class Estimate:
    """Over all tasks, for the first candidate where they are ``expected`` (were it as good as the
    baseline), for all candidates where they are the ``most``. ``None`` = not known. The expected
    cost holds what asking the baseline costs, too."""

    pairs_most: int
    pairs_expected: float
    labels_expected: int
    cost_usd_most: float | None
    cost_usd_expected: float | None
    time_s_expected: float | None
    floor_usd: float | None

    def as_json(self) -> dict[str, Json]:
        return asdict(self)


def estimate(
    worth: Sequence[PreparedTask], question: StudySettings, concurrency: int, paid_usd: float
) -> Estimate:
    """What measuring these tasks will take, after ``paid_usd`` for the baseline's own answers."""
    plans = [t.plan for t in worth]
    several = len(question.candidates)
    parts = [None if (c := p.expected_usd) is None else c / several for p in plans]
    if question.floor:
        parts += [
            None if p.floor_usd is None else p.floor_usd * p.expected_pairs / p.pairs for p in plans
        ]
    expected = _total(parts)
    return Estimate(
        pairs_most=sum(p.pairs for p in plans),
        pairs_expected=sum(p.expected_pairs for p in plans),
        labels_expected=sum(p.labels for p in plans),
        cost_usd_most=_total([p.cost_usd for p in plans]),
        cost_usd_expected=None if expected is None else expected + paid_usd,
        time_s_expected=_total([p.seconds(concurrency, question.repeats) for p in plans]),
        floor_usd=_total([p.floor_usd for p in plans]) if question.floor else 0.0,
    )


def plan_json(
    worth: Sequence[PreparedTask], question: StudySettings, ahead: Estimate
) -> dict[str, Json]:
    """What ``--plan --json`` prints."""
    tasks = [
        {
            "task": t.plan.task,
            "shape": t.plan.shape,
            "scorer": t.plan.scorer,
            "scorer_reason": t.plan.scorer_reason,
            "pairs_most": t.plan.pairs,
            "pairs_expected": t.plan.expected_pairs,
            "looks": list(t.plan.looks),
            "labels_expected": t.plan.labels,
            "provable_discordance": t.plan.provable,
            "power": [p._asdict() for p in t.plan.prospects],
            "cost_usd_most": t.plan.cost_usd,
            "cost_usd_expected": t.plan.expected_usd,
            "second_opinions": [asdict(o) for o in t.plan.opinions],
            "left_out": dict(t.left_out),
            "unfit": t.unfit,
        }
        for t in worth
    ]
    return {
        "baseline": question.baseline,
        "candidates": list(question.candidates),
        "discordance_assumed": DISCORDANCE,
        "estimate": ahead.as_json(),
        "tasks": tasks,
    }


def print_prospects(console: Console, worth: Sequence[PreparedTask], ahead: Estimate) -> None:
    """What the test is likely to show and to take."""
    rows = [
        [
            t.plan.task,
            f"{t.plan.expected_pairs:.0f}",
            str(t.plan.labels),
            *(f"{p.power:.0%}" for p in t.plan.prospects),
            usd(t.plan.expected_usd),
        ]
        for t in worth
    ]
    columns = ["task", "pairs ≈", "grades ≈", "gap 0", "gap 1", "gap 2", "cost ≈"]
    title = f"Chance to be shown by true gap in points, if {DISCORDANCE:.0%} of pairs differ"
    console.print(make_table(title, columns, rows, numbers=columns[1:]))
    floor = ""
    if ahead.floor_usd is None or ahead.floor_usd > 0:
        floor = (
            f" The baseline is asked again on a tenth of the examples, about {usd(ahead.floor_usd)}"
            " at most (--no-floor leaves it out)."
        )
    console.print(
        f"Expected, were the candidate as good: {ahead.pairs_expected:,.0f} pairs, "
        f"{ahead.labels_expected} grades, about {usd(ahead.cost_usd_expected)}, "
        f"{_duration(ahead.time_s_expected)}.{floor}"
    )


def truth(results: Sequence[TaskResult], spent: Spending, time_s: float) -> dict[str, Json]:
    """What measuring took, beside its `Estimate`; of all candidates."""
    everything = [r for best in results for r in (best, *best.others)]
    return {
        "pairs": sum(r.examples for r in everything),
        "graded": sum(r.graded for r in everything),
        "cost_usd": None if spent.unpriced else spent.paid_usd,
        "time_s": round(time_s, 3),
    }


def compared(ahead: Estimate, took: dict[str, Json]) -> str:
    """Both in one line."""
    return (
        f"Expected {ahead.pairs_expected:,.0f} pairs, {usd(ahead.cost_usd_expected)}, "
        f"{_duration(ahead.time_s_expected)}; took {took['pairs']:,}, {usd(took['cost_usd'])}, "
        f"{_duration(took['time_s'])}."
    )


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "time unknown (the log holds no latencies)"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _total(amounts: Sequence[float | None]) -> float | None:
    known = [a for a in amounts if a is not None]
    return sum(known) if len(known) == len(amounts) else None
