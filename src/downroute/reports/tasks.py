"""The tasks in the log as a page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from downroute.records import Json
from downroute.reports.page import write_page


def write_tasks_page(path: Path, report: Mapping[str, Json]) -> None:
    """Write the object of ``downroute audit --json`` to ``path``.

    Raises:
        InputError: the file cannot be written.
    """
    write_page(path, "tasks.html", {"r": report})
