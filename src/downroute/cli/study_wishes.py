"""What the command line wants done besides a study itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Wishes:
    """See the options of `downroute study`."""

    store: Path
    policy: Path
    yes: bool
    as_json: bool
    html: Path | None
    export_grades: Path | None
    grades: Path | None
    upstream_url: str | None
    concurrency: int | None
    plan: bool = False
    from_file: Path | None = None
    judge: str | None = None
    """The model that the command line names to judge."""
    failures: bool = False
    failures_html: Path | None = None
    markdown: Path | None = None
    floor: bool | None = None
    """``None``: where the settings say where the baseline lives, and the budget allows it."""
