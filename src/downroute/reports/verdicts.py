"""A study's verdicts as one page for those who decide: what can move, what it saves net, how sure
that is, what was not tested, how to undo it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from downroute.records import Json
from downroute.reports import plain_words, reproduce
from downroute.reports.display import MISSING
from downroute.reports.page import write_page
from downroute.reports.plain_words import MOVES, STAYS

SCALE = 160.0

_BADGES = {"good": "can move", "bad": "stays", "open": "not decided"}


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
        "headline": plain_words.headline(report),
        "margin": plain_words.margin(report),
        "cards": [_card(task, report) for task in sorted(tasks, key=_place)],
        "moving": len(moving),
        "staying": sum(t["verdict"] in STAYS for t in tasks),
        "undecided": sum(t["verdict"] == "inconclusive" for t in tasks),
        "month": month_range(moving),
        "sure": plain_words.sure(report),
        "untested": plain_words.untested(report),
        "command": reproduce.command(report),
        "prices": reproduce.prices(report),
        "versions": reproduce.versions(report),
        "expires": sorted({t["evidence"]["expires"] for t in moving if t.get("evidence")}),
    }
    write_page(path, "verdicts.html", values)


def month_range(tasks: Sequence[Mapping[str, Json]]) -> tuple[float, float] | None:
    """The summed net saving a month in USD, ``None`` where any of it is not known."""
    ranges = [task["saving_usd_month"] for task in tasks]
    if not ranges or any(r is None for r in ranges):
        return None
    return sum(low for low, _ in ranges), sum(high for _, high in ranges)


def _kind(task: Mapping[str, Json]) -> str:
    if task["verdict"] in MOVES:
        return "good"
    return "bad" if task["verdict"] in STAYS else "open"


def _place(task: Mapping[str, Json]) -> int:
    """What moves comes first, then what needs somebody's decision, then what stays."""
    return ("good", "open", "bad").index(_kind(task))


def _card(task: Mapping[str, Json], report: Mapping[str, Json]) -> dict[str, Json]:
    scores, right = task["scores"], task.get("cost_per_right_usd") or {}
    moves, kind = task["verdict"] in MOVES, _kind(task)
    models = (report["baseline"], task["candidate"])
    served = plain_words.served_gap(task)
    return {
        **task,
        "kind": kind,
        "badge": _BADGES[kind],
        "alone": served is not task,
        "said": plain_words.said(task, report),
        "facts": plain_words.facts(task, report),
        "score_texts": [_points(scores.get(model)) for model in models],
        "right": [right.get(model) for model in models],
        "gap_text": plain_words.gap(served),
        "bar": _bar(served, report["margin"]),
        "saving": task["saving_share"] if moves else None,
        "month": task["saving_usd_month"] if moves else None,
    }


def _points(score: float | None) -> str:
    return MISSING if score is None else f"{score * 100:.1f}"


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
