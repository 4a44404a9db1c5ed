"""The spend report as a page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from downroute.records import Json
from downroute.reports.page import write_page

BAR_WIDTH = 420


def write_spend_page(path: Path, report: Mapping[str, Json]) -> None:
    """Write what `spend.as_json` gives to ``path``.

    Raises:
        InputError: the file cannot be written.
    """
    compared = report["compared"]
    about = compared["estimated_calls"] > 0
    bars = [
        {"name": "as served", "usd": compared["spent_usd"], "about": False},
        {"name": "all baseline", "usd": compared["all_baseline_usd"], "about": about},
        {"name": "all candidate", "usd": compared["all_candidate_usd"], "about": True},
    ]
    known = [bar for bar in bars if bar["usd"] is not None]
    longest = max((bar["usd"] for bar in known), default=0.0)
    drawn = [
        {**bar, "width": round(BAR_WIDTH * bar["usd"] / longest, 1)} for bar in known if longest > 0
    ]
    write_page(path, "spend.html", {"r": report, "about": about, "bars": drawn})
