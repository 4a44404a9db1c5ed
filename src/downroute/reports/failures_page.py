"""A study's failures as one page that can be filtered and searched, without a server."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from downroute.records import Json
from downroute.reports.page import write_page


def write_failures_page(
    path: Path, failures: Sequence[Mapping[str, Json]], baseline: str, candidates: Sequence[str]
) -> None:
    """Write the page of ``failures`` as `study.failures` gives them.

    Raises:
        InputError: the file cannot be written.
    """
    values = {
        "failures": failures,
        "baseline": baseline,
        "candidates": candidates,
        "tasks": Counter(str(f["task"]) for f in failures),
        "kinds": Counter(str(f["kind"]) for f in failures),
        "slices": Counter(str(f["slice"]) for f in failures if f["slice"]),
    }
    write_page(path, "failures.html", values, script="failures.js")
