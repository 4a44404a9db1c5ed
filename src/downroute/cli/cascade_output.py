"""What ``downroute study`` prints of a cascade."""

from __future__ import annotations

from rich.table import Table

from downroute.cli.tables import make_table
from downroute.stats.interval import Interval
from downroute.study.curve import GUARANTEE, CascadeReport


def curve_table(task: str, cascade: CascadeReport) -> Table:
    """Escalation against quality and saving, the point that was chosen marked."""
    points_ = (cascade.all_candidate, *reversed(cascade.curve))
    rows = [
        [
            "→" if p == cascade.point else "",
            f"{p.escalation:.1%}",
            points(p.gap),
            "—" if p.saving is None else f"{p.saving:.0%}",
            "shown" if p.passed else "not shown",
        ]
        for p in dict.fromkeys(points_)
    ]
    columns = ["", "escalated", "gap in points", "saving", "within the margin"]
    return make_table(f"{task}: cascade", columns, rows, numbers=columns[1:4])


def cascade_lines(cascade: CascadeReport) -> list[str]:
    """What the chosen point means."""
    how = "learned from" if cascade.learned else "by its first signal, too few to learn from:"
    lines = [
        f"escalates {cascade.point.escalation:.1%} of {cascade.calibrated_on} measured requests; "
        f"score {how} {cascade.gains} answers that would gain by it",
        f"accepts {cascade.wrong_per_1000:.0f} answers in 1,000 that the baseline has right and "
        f"finds {_share(cascade.recall)} of such answers; AUROC {_number(cascade.auroc)}",
        GUARANTEE,
    ]
    if cascade.break_even is not None:
        lines.append(f"saves as long as fewer than {cascade.break_even:.0%} are escalated")
    if cascade.latency_p50_s is not None and cascade.latency_p95_s is not None:
        lines.append(
            f"an answer takes {cascade.latency_p50_s:.2f} s in the median and "
            f"{cascade.latency_p95_s:.2f} s at p95; a stream's first word comes no sooner"
        )
    if cascade.detectors:
        told = ", ".join(f"{name} {area:.2f}" for name, area in cascade.detectors[:5])
        lines.append(f"signals by themselves (AUROC): {told}")
    return lines


def points(interval: Interval) -> str:
    """An estimate with its interval, in points."""
    middle, low, high = (x * 100 for x in (interval.estimate, interval.low, interval.high))
    return f"{middle:+.1f} [{low:+.1f}, {high:+.1f}]"


def _share(value: float | None) -> str:
    return "—" if value is None else f"{value:.0%}"


def _number(value: float | None) -> str:
    return "—" if value is None else f"{value:.2f}"
