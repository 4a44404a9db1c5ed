"""What ``downroute study`` prints of checks, signals and second opinions."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from downroute.cli.tables import make_table
from downroute.reports.display import usd
from downroute.study.detectors import Graded
from downroute.study.opinions import Sought
from downroute.study.prepared import PreparedTask

MOST_SIGNALS = 8
WORDS = {"self_check": "self-check", "helper": "helper"}


def detector_table(task: str, found: Sequence[Graded]) -> Table:
    """All checks and second opinions, the signals farthest from chance, and those that serve."""
    signals = [g for g in found if g.kind == "signal"]
    shown = [g for g in found if g.kind != "signal"]
    shown += [g for at, g in enumerate(signals) if at < MOST_SIGNALS or g.serves]
    rows = [
        [
            g.name,
            g.kind,
            f"{g.applies:.0%}",
            "—" if g.auroc is None else f"{g.auroc:.2f}",
            f"{g.flagged:.1%}",
            _share(g.recall),
            _share(g.false_alarms),
            "free" if g.cost_usd == 0.0 else usd(g.cost_usd),
            "serves" if g.serves else "",
        ]
        for g in shown
    ]
    columns = ["detector", "kind", "applies", "AUROC", "flags", "recall", "false alarms", "a call"]
    return make_table(
        f"{task}: detectors of answers that would gain", [*columns, ""], rows, numbers=columns[2:]
    )


def left_out_lines(found: Sequence[Graded], sought: Sequence[Sought]) -> list[str]:
    """What does not serve because it does not pay."""
    lines = []
    checks = [g for g in found if g.kind == "check" and not g.serves]
    idle = [g.name for g in checks if g.flagged == 0.0]
    poor = [
        f"{g.name} (flags {g.flagged:.0%}, finds {_share(g.recall)})"
        for g in checks
        if g.flagged > 0.0
    ]
    if idle:
        lines.append(f"checks left out, nothing fails them: {', '.join(idle)}")
    if poor:
        lines.append(f"checks left out, they do not pay: {', '.join(poor)}")
    for one in sought:
        name = f"{WORDS[one.purpose.value]} by {one.model}"
        cost = f"{one.asked} asked, {usd(one.cost_usd)}"
        lines.append(f"{name}: {f'serves; {cost}' if one.used else _unused(one, cost)}")
    return lines


def opinion_plan_lines(worth: Sequence[PreparedTask]) -> list[str]:
    """What second opinions may add to the plan, by kind and model."""
    kinds: dict[tuple[str, str], list[tuple[int, float | None]]] = {}
    for task in worth:
        for o in task.plan.opinions:
            kinds.setdefault((o.purpose, o.model), []).append((o.calls, o.cost_usd))
    lines = []
    for (purpose, model), asked in kinds.items():
        costs = [cost for _, cost in asked]
        total = None if None in costs else sum(cost or 0.0 for cost in costs)
        switch = "--no-self-check leaves them out; " if purpose == "self_check" else ""
        lines.append(
            f"On top, where a cascade is looked for: at most {sum(n for n, _ in asked):,} "
            f"{WORDS[purpose]} calls to {model}, about {usd(total)} ({switch}asked on the first "
            "40 % of the answers if better signals could pay there, on the rest only if these do)."
        )
    return lines


def _unused(one: Sought, cost: str) -> str:
    return one.why if not one.asked else f"{one.why} ({cost})"


def _share(value: float | None) -> str:
    return "—" if value is None else f"{value:.0%}"
