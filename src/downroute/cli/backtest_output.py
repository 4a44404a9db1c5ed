"""What ``downroute backtest`` prints of one task."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console

from downroute.cli.tables import make_table
from downroute.records import Json

_SHARES = (
    *("route", "cascade", "keep", "inconclusive"),
    *("violations", "violations_on_rest", "net_saving", "escalation"),
)
_TITLES = {
    "violations": "too bad",
    "violations_on_rest": "on the rest",
    "net_saving": "saving",
    "escalation": "escalated",
}


def print_task(console: Console, report: Mapping[str, Json]) -> None:
    """A table with a row a rule, and what the best score could reach."""
    rows = []
    for rule, found in report["rules"].items():
        shares = [_percent(found[key]) for key in _SHARES]
        counts = [_count(found[key]) for key in ("mean_pairs", "mean_graded")]
        rows.append([rule, *shares, *counts])
    columns = ["rule", *(_TITLES.get(key, key) for key in _SHARES), "pairs", "to grade"]
    title = (
        f"{report['task']}: {report['n']:,} requests, true gap {report['true_gap'] * 100:+.1f} "
        "points"
    )
    console.print(make_table(title, columns, rows, numbers=columns[1:]))
    best = report["reachable"]
    if best is not None:
        console.print(
            f"  The best score of these signals, fitted on all of it and seeing its truth: "
            f"{best['net_saving']:.0%} saved, {best['escalation']:.0%} escalated."
        )
    for reason, count in report["left_out"].items():
        console.print(f"  {count} requests left out: {reason}", style="dim")


def _percent(share: float | None) -> str:
    return "—" if share is None else f"{share:.1%}"


def _count(mean: float | None) -> str:
    return "—" if mean is None else f"{mean:.0f}"
