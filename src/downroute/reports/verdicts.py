"""A study's verdicts as one page for those who decide: what can move, what it saves net, what was
not shown, how to undo it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from downroute.records import Json
from downroute.reports.display import MISSING
from downroute.reports.page import write_page

MOVES = ("route", "safe", "cascade")
STAYS = ("keep", "unsafe")
SCALE = 160.0


def write_verdicts_page(path: Path, report: Mapping[str, Json], policy: str) -> None:
    """Write the page of a study; ``report`` is what ``study --json`` prints, ``policy`` the
    file the routes were written to.

    Raises:
        InputError: the file cannot be written.
    """
    tasks = report["tasks"]
    moving = [t for t in tasks if t["verdict"] in MOVES]
    values = {
        "r": report,
        "policy": policy,
        "rows": [_row(task, report) for task in tasks],
        "moving": len(moving),
        "staying": sum(t["verdict"] in STAYS for t in tasks),
        "undecided": sum(t["verdict"] == "inconclusive" for t in tasks),
        "month": month_range(moving),
    }
    write_page(path, "verdicts.html", values)


def month_range(tasks: Sequence[Mapping[str, Json]]) -> tuple[float, float] | None:
    """The summed net saving a month in USD, ``None`` where any of it is not known."""
    ranges = [task["saving_usd_month"] for task in tasks]
    if not ranges or any(r is None for r in ranges):
        return None
    return sum(low for low, _ in ranges), sum(high for _, high in ranges)


def _row(task: Mapping[str, Json], report: Mapping[str, Json]) -> dict[str, Json]:
    scores = task["scores"]
    moves = task["verdict"] in MOVES
    return {
        **task,
        "kind": "good" if moves else "bad" if task["verdict"] in STAYS else "open",
        "baseline_score": _points(scores.get(report["baseline"])),
        "candidate_score": _points(scores.get(task["candidate"])),
        "gap_text": _gap(task),
        "bar": _bar(task, report["margin"]),
        "saving": task["saving_share"] if moves else None,
        "worst": _worst(task),
        "next": next_step(task),
    }


def next_step(task: Mapping[str, Json]) -> str:
    """What would settle or undo this verdict, in words."""
    if task["message"]:
        return str(task["message"])
    need = task["need"]
    if task["verdict"] in MOVES:
        return "Switched by the policy; undo with `downroute policy off`."
    if task["verdict"] in STAYS:
        return "Stays on the baseline: shown to be worse by more than the margin."
    if need and need.get("grades"):
        return f"Grade {need['grades']} of {need['of']} pairs to decide it."
    if need and need.get("labels"):
        return f"Label {need['labels']} of {need['of']} judged pairs to decide it."
    if need:
        return f"About {need['pairs']:,} more pairs would decide it."
    return "Stays on the baseline: not shown, and more pairs would not help."


def _points(score: float | None) -> str:
    return MISSING if score is None else f"{score * 100:.1f}"


def _gap(task: Mapping[str, Json]) -> str:
    low, high = task["gap_low"], task["gap_high"]
    if low is None or high is None:
        return MISSING
    middle = "?" if task["gap"] is None else f"{task['gap'] * 100:+.1f}"
    return f"{middle} [{low * 100:+.1f}, {high * 100:+.1f}]"


def _worst(task: Mapping[str, Json]) -> str | None:
    worst = task.get("worst_slice")
    return None if worst is None else f"worst slice {worst['name']}: {_gap(worst)}"


def _bar(task: Mapping[str, Json], margin: float) -> dict[str, float] | None:
    """The gap's interval on a scale from −3 to +5 margins, in the drawing's units."""
    if any(task[key] is None for key in ("gap", "gap_low", "gap_high")):
        return None

    def place(gap: float) -> float:
        return max(0.0, min(SCALE, (gap / margin + 3) / 8 * SCALE))

    return {
        "low": place(task["gap_low"]),
        "width": max(1.5, place(task["gap_high"]) - place(task["gap_low"])),
        "middle": place(task["gap"]),
        "zero": place(0.0),
        "margin": place(margin),
    }
