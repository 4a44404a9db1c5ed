"""The report on escalations as a page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from downroute.records import Json
from downroute.reports.display import day, moment
from downroute.reports.escalation_lines import about, bounds, facts, looked_at
from downroute.reports.escalation_values import Bucket, EscalationReport, TaskEscalations
from downroute.reports.page import write_page

WIDTH, HEIGHT = 640, 140
"""Of the drawing of a course, in pixels."""


def write_escalations_page(path: Path, report: EscalationReport) -> None:
    """Write the report to ``path``.

    Raises:
        InputError: the file cannot be written.
    """
    tasks = [_task(task) for task in report.tasks]
    write_page(path, "escalations.html", {"tasks": tasks, "since": report.since})


def _task(task: TaskEscalations) -> dict[str, Json]:
    causes = [
        {"name": name, "calls": n, "width": round(200 * n / max(task.causes.values()), 1)}
        for name, n in task.causes.items()
    ]
    return {
        "task": task,
        "facts": list(facts(task)),
        "looked_at": looked_at(task),
        "causes": causes,
        "course": _drawn(task.course.buckets),
        "groups": [
            {"group": group, "lines": list(about(group)), "share": _two_bars(group)}
            for group in task.groups
        ],
    }


def _two_bars(group: Json) -> list[dict[str, Json]]:
    """The group's share beside that of the others."""
    shares = [("this group", group.share.estimate), ("the others", group.others)]
    return [
        {"name": name, "share": value, "width": round(300 * value, 1)}
        for name, value in shares
        if value is not None
    ]


def _drawn(buckets: Sequence[Bucket]) -> dict[str, Json] | None:
    """Points with their intervals, as places in the drawing; ``None`` where there is one bucket."""
    if len(buckets) < 2:
        return None
    top = max(b.share.high for b in buckets)
    first, last = buckets[0].start, buckets[-1].end

    def y(share: float) -> float:
        return round(HEIGHT * (1 - share / top), 1)

    points = [
        {
            "x": round(WIDTH * ((b.start + b.end) / 2 - first) / (last - first), 1),
            "y": y(b.share.estimate),
            "low": y(b.share.low),
            "high": y(b.share.high),
            "words": f"{moment(b.start)}: {bounds(b.share)} of {b.calls:,}",
        }
        for b in buckets
    ]
    same_day = day(first) == day(last)
    return {
        "points": points,
        "top": top,
        "first": moment(first) if same_day else day(first),
        "last": moment(last) if same_day else day(last),
    }
