"""What ``downroute study`` prints of a cascade."""

from __future__ import annotations

from rich.table import Table

from downroute.cli.tables import make_table
from downroute.stats.interval import Interval
from downroute.study.curve import GUARANTEE, CascadeReport, CurvePoint
from downroute.study.worth import LOSES_TO_SPLIT, WHY_SPLIT


def curve_table(task: str, cascade: CascadeReport) -> Table:
    """Escalation against quality and saving, the point that was chosen marked, and beside it what
    a random split and knowing every score would do."""
    rows = [_row("→" if p == cascade.point else "", p) for p in dict.fromkeys(cascade.curve[::-1])]
    beside = [
        _row("all candidate", cascade.all_candidate),
        *rows,
        ["all baseline", "—", "+0.0", "0%", "shown"],
        _row("random split", cascade.random_split),
        [*_row("oracle", cascade.oracle)[:-1], "not to be had"],
    ]
    columns = ["", "escalated", "gap in points", "saving", "within the margin"]
    return make_table(f"{task}: cascade", columns, beside, numbers=columns[1:4])


def _row(mark: str, point: CurvePoint) -> list[str]:
    return [
        mark,
        f"{point.escalation:.1%}",
        points(point.gap),
        "—" if point.saving is None else f"{point.saving:.0%}",
        "shown" if point.passed else "not shown",
    ]


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
    if cascade.answered:
        shares = zip(cascade.route.models, cascade.answered, strict=True)
        told = ", ".join(f"{model} {share:.1%}" for model, share in shares)
        lines.append(f"a ladder, which saves more here than two models; answered by {told}")
    if cascade.break_even is not None:
        lines.append(f"saves as long as fewer than {cascade.break_even:.0%} are escalated")
    split, saving = cascade.random_split, cascade.point.saving
    if split.passed and split.saving is not None and saving is not None and split.saving > saving:
        lines.append(
            f"{LOSES_TO_SPLIT}, which would save {split.saving:.0%}: {WHY_SPLIT}; it is offered "
            "because a target was named"
        )
    if cascade.latency_p50_s is not None and cascade.latency_p95_s is not None:
        lines.append(
            f"an answer takes {cascade.latency_p50_s:.2f} s in the median and "
            f"{cascade.latency_p95_s:.2f} s at p95{_slower(cascade)}"
        )
    if cascade.first_word_s is not None:
        lines.append(
            f"a stream's first word comes after {cascade.first_word_s:.2f} s in the median of "
            "accepted answers, which are held back until they are checked, later of escalated ones"
        )
    return lines


def _slower(cascade: CascadeReport) -> str:
    """Against the baseline, which is asked second."""
    before = cascade.baseline_p95_s
    if before is None or cascade.latency_p95_s is None or cascade.latency_p95_s <= before:
        return ""
    return f"; a cascade loses here in latency, the baseline alone takes {before:.2f} s at p95"


def points(interval: Interval) -> str:
    """An estimate with its interval, in points."""
    middle, low, high = (x * 100 for x in (interval.estimate, interval.low, interval.high))
    return f"{middle:+.1f} [{low:+.1f}, {high:+.1f}]"


def _share(value: float | None) -> str:
    return "—" if value is None else f"{value:.0%}"


def _number(value: float | None) -> str:
    return "—" if value is None else f"{value:.2f}"
