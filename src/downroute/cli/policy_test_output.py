"""How ``downroute policy test`` says what it found."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from downroute.cli.tables import print_table
from downroute.records import Json
from downroute.reports.display import MISSING, count, share, usd
from downroute.stats.interval import Interval
from downroute.study.policy_figures import Compared, Figures, compared, figures
from downroute.study.policy_test import Both, PolicyRun

ALL = "all"


def print_test(policy: Path, run: PolicyRun, sides: Mapping[str, Both]) -> None:
    """A table of the policy's own figures by task, then how it compares with each other one."""
    own = next(iter(sides.values()))
    tasks = own.by_task()
    print_table(
        f"{policy} on {count(len(run.outcomes))} requests",
        ["task", "calls", "decisions", "escalated", "score", "cost", "p50", "p95"],
        [_own_row(name, figures(both.first)) for name, both in _with_all(tasks, own)],
        numbers=["calls", "escalated", "score", "cost", "p50", "p95"],
    )
    for name, both in sides.items():
        print_table(
            f"beside {name}: positive gap = {name} is better",
            ["task", "compared", "other answer", "its score", "gap in points", "its cost",
             "saving", "share"],
            [_beside_row(task, part) for task, part in _with_all(both.by_task(), both)],
            numbers=["compared", "other answer", "its score", "gap in points", "its cost",
                     "saving", "share"],
        )  # fmt: skip
    for why, calls in run.left_out.items():
        typer.echo(f"not simulated: {calls:,} requests ({why})")
    typer.echo(
        "One request at a time: conversations, escalation limits and time limits are not simulated."
    )


def as_values(policy: Path, run: PolicyRun, sides: Mapping[str, Both]) -> dict[str, Json]:
    """The same as plain values; what is not known is null."""
    own = next(iter(sides.values()))
    return {
        "policy": str(policy),
        "calls": len(run.outcomes),
        "left_out": dict(run.left_out),
        "tasks": [
            {
                "task": task,
                **_plain(figures(both.first)),
                "against": {
                    name: _against(other.by_task()[task])
                    for name, other in sides.items()
                    if task in other.by_task()
                },
            }
            for task, both in own.by_task().items()
        ],
        "all": {
            **_plain(figures(own.first)),
            "against": {name: _against(other) for name, other in sides.items()},
        },
    }


def _against(both: Both) -> dict[str, Json]:
    return {**_plain(compared(both)), "other": _plain(figures(both.second))}


def _with_all(tasks: Mapping[str, Both], whole: Both) -> list[tuple[str, Both]]:
    return [*tasks.items(), *([(ALL, whole)] if len(tasks) > 1 else [])]


def _own_row(name: str, found: Figures) -> list[str]:
    decisions = ", ".join(f"{k} {v:,}" for k, v in found.decisions.items())
    return [
        name or MISSING,
        count(found.calls),
        decisions,
        share(found.escalation),
        _score(found.quality, found.quality_interval),
        usd(found.cost_usd),
        _seconds(found.latency_p50_s),
        _seconds(found.latency_p95_s),
    ]


def _beside_row(name: str, both: Both) -> list[str]:
    beside: Compared = compared(both)
    other = figures(both.second)
    saving = beside.saving_share
    return [
        name or MISSING,
        count(beside.pairs),
        count(beside.changed),
        _score(other.quality, None),
        MISSING if beside.gap is None else _points(beside.gap),
        usd(other.cost_usd),
        usd(beside.saving_usd),
        MISSING
        if saving is None
        else f"{share(saving.estimate)} [{share(saving.low)}, {share(saving.high)}]",
    ]


def _points(gap: Interval) -> str:
    return f"{gap.estimate * 100:+.1f} [{gap.low * 100:+.1f}, {gap.high * 100:+.1f}]"


def _score(value: float | None, interval: Interval | None) -> str:
    if value is None:
        return MISSING
    return f"{value:.3f}" + (f" [{interval.low:.3f}, {interval.high:.3f}]" if interval else "")


def _seconds(value: float | None) -> str:
    return MISSING if value is None else f"{value:.2f} s"


def _plain(found: Figures | Compared) -> dict[str, Json]:
    facts: dict[str, Any] = {}
    for name, value in dataclasses.asdict(found).items():
        raw = getattr(found, name)
        if isinstance(raw, Interval):
            facts[name] = raw.estimate if name != "quality_interval" else [raw.low, raw.high]
            if name != "quality_interval":
                facts[f"{name}_low"], facts[f"{name}_high"] = raw.low, raw.high
        else:
            facts[name] = value
    return facts
