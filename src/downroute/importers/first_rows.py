"""The first rows of a log that can be read: enough to tell what it is."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from downroute.importers.lines import Row, read_rows

_LINES = 200


def first_rows(path: Path) -> list[Row]:
    """The readable rows among a file's first 200 lines."""
    return [row for row in islice(read_rows(path), _LINES) if isinstance(row, Row)]
