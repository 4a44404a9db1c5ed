"""A study's verdicts in Markdown, for a pull request or a terminal. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from downroute.records import Json
from downroute.reports.display import MISSING, share, usd
from downroute.reports.plain_words import (
    MOVES,
    facts,
    gap,
    headline,
    margin,
    said,
    sure,
    untested,
)
from downroute.reports.reproduce import command, prices, versions
from downroute.reports.verdicts import month_range

_COLUMNS = (
    "task", "verdict", "pairs", "scores", "gap in points", "worst slice", "escalated",
    "per right answer", "saving",
)  # fmt: skip

_SPECIAL = re.compile(r"([\\`*_\[\]<>|#~@&])")


def study_markdown(report: Mapping[str, Json]) -> str:
    """What ``study --json`` prints, as Markdown."""
    tasks = report["tasks"]
    month = month_range([t for t in tasks if t["verdict"] in MOVES])
    parts = [
        f"### {_plain(headline(report))}",
        f"Study `{report['study']}`, margin {margin(report)}, {report['confidence']:.0%} "
        f"confidence, seed {report['seed']}, measuring cost {usd(report['spent_usd'])}.",
        "" if month is None else f"Net saving a month: {usd(month[0])} to {usd(month[1])}.",
        "\n".join([_row(_COLUMNS), _row(["---"] * len(_COLUMNS))]
                  + [_row(_cells(task, report)) for task in tasks]),
        "\n".join(_task(task, report) for task in tasks),
        f"How sure: {_plain(sure(report))}",
        "Not tested:\n\n" + "\n".join(f"- {_plain(line)}" for line in untested(report)),
        _policy_change(report),
        "Undo: `downroute policy off` at once, `downroute policy rollback` for good.",
        f"To repeat it:\n\n{_fenced(command(report), 'sh')}",
        "\n".join(f"- {_plain(m)}" for m in (*prices(report), versions(report)) if m),
    ]  # fmt: skip
    return "\n\n".join(part for part in parts if part) + "\n"


def _task(task: Mapping[str, Json], report: Mapping[str, Json]) -> str:
    lines = [f"- **{_plain(task['task'])}**: {_plain(said(task, report))}"]
    return "\n".join([*lines, *(f"  - {_plain(fact)}" for fact in facts(task, report))])


def _policy_change(report: Mapping[str, Json]) -> str:
    diff = report.get("policy_diff")
    if not diff:
        return ""
    summary = "<details><summary>What changes in the policy</summary>"
    return f"{summary}\n\n{_fenced(diff, 'diff')}\n\n</details>"


def _cells(task: Mapping[str, Json], report: Mapping[str, Json]) -> list[str]:
    names = (report["baseline"], task["candidate"])
    per_right = task.get("cost_per_right_usd") or {}
    worst = task.get("worst_slice")
    alone = "\\*" if task.get("stands_among_all") is False else ""
    return [
        _plain(task["task"]),
        f"**{task['verdict']}**{alone}" + _bound(task),
        f"{task['examples']}" + (f", {task['graded']} graded" if task["graded"] else ""),
        " → ".join(_score(task["scores"].get(name)) for name in names),
        gap(task),
        MISSING if worst is None else _plain(f"{worst['name']}: {gap(worst)}"),
        share(task["escalation"]) if task["verdict"] in MOVES else MISSING,
        " → ".join(usd(per_right.get(name)) for name in names),
        share(task["saving_share"]) if task["verdict"] in MOVES else MISSING,
    ]


def _bound(task: Mapping[str, Json]) -> str:
    found = task.get("break")
    if not found or task["verdict"] not in MOVES:
        return ""
    return _plain(f", {found['words']}")


def _score(value: float | None) -> str:
    return MISSING if value is None else f"{value:.3f}"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _plain(text: str) -> str:
    """``text`` on one line, with nothing in it that Markdown would read: names come from logs."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _fenced(text: str, language: str) -> str:
    """A block that ends where it should, whatever fences ``text`` holds."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"
