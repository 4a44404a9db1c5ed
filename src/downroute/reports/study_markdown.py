"""A study's verdicts in Markdown, for a pull request or a terminal. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from downroute.records import Json
from downroute.reports.display import MISSING, share, usd
from downroute.reports.verdicts import MOVES, month_range, next_step

_COLUMNS = (
    "task", "verdict", "pairs", "scores", "gap in points", "worst slice", "escalated",
    "per right answer", "saving",
)  # fmt: skip


def study_markdown(report: Mapping[str, Json], diff: Sequence[str] = ()) -> str:
    """What ``study --json`` prints as Markdown; ``diff`` are the lines of the policy's change."""
    tasks = report["tasks"]
    moving = [t for t in tasks if t["verdict"] in MOVES]
    candidates = ", ".join(report["candidates"])
    lines = [
        f"### {len(moving)} of {len(tasks)} tasks can move from {report['baseline']} to "
        f"{candidates}",
        "",
        f"Study `{report['study']}`, margin {report['margin'] * 100:g} "
        f"{'% of the score' if report['relative'] else 'points'}, "
        f"{report['confidence']:.0%} confidence, seed {report['seed']}, measuring cost "
        f"{usd(report['spent_usd'])}.",
    ]
    month = month_range(moving)
    if month is not None:
        lines.append(f"Net saving a month: {usd(month[0])} to {usd(month[1])}.")
    lines += ["", _row(_COLUMNS), _row(["---"] * len(_COLUMNS))]
    lines += [_row(_cells(task, report)) for task in tasks]
    lines.append("")
    lines += [f"- {task['task']}: {next_step(task)}" for task in tasks]
    if diff:
        lines += ["", "<details><summary>What changes in the policy</summary>", "", "```diff"]
        lines += [line.replace("```", "` ` `") for line in diff]
        lines += ["```", "", "</details>"]
    lines += ["", "Undo: `downroute policy off` at once, `downroute policy rollback` for good.", ""]
    return "\n".join(lines)


def _cells(task: Mapping[str, Json], report: Mapping[str, Json]) -> list[str]:
    names = (report["baseline"], task["candidate"])
    per_right = task.get("cost_per_right_usd") or {}
    worst = task.get("worst_slice")
    return [
        task["task"],
        f"**{task['verdict']}**" + _bound(task),
        f"{task['examples']}" + (f", {task['graded']} graded" if task["graded"] else ""),
        " → ".join(_score(task["scores"].get(name)) for name in names),
        _gap(task),
        MISSING if worst is None else f"{worst['name']}: {_gap(worst)}",
        share(task["escalation"]) if task["verdict"] in MOVES else MISSING,
        " → ".join(usd(per_right.get(name)) for name in names),
        share(task["saving_share"]) if task["verdict"] in MOVES else MISSING,
    ]


def _bound(task: Mapping[str, Json]) -> str:
    found = task.get("break")
    if not found or not found.get("confirmed") or task["verdict"] not in MOVES:
        return ""
    return f", {found['words']}" if found.get("words") else ", inside a boundary"


def _gap(values: Mapping[str, Json]) -> str:
    low, high, gap = values["gap_low"], values["gap_high"], values["gap"]
    if low is None or high is None:
        return MISSING
    middle = "?" if gap is None else f"{gap * 100:+.1f}"
    return f"{middle} [{low * 100:+.1f}, {high * 100:+.1f}]"


def _score(value: float | None) -> str:
    return MISSING if value is None else f"{value:.3f}"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(str(c).replace("|", "\\|").replace("\n", " ") for c in cells) + " |"
