"""The front door: paths → calls, whatever format they are in. A new format is a new row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from downroute.errors import InputError, UsageError
from downroute.importers import openai, recording
from downroute.importers.first_rows import first_rows
from downroute.importers.paths import log_files
from downroute.records import BadRow, Call, Json, RecordedScore

Imports = Iterator[Call | RecordedScore | BadRow]


class Format(NamedTuple):
    """How one format is recognised and read: ``read(paths, served)``."""

    what: str
    fits: Callable[[Mapping[str, Json]], bool]
    read: Callable[[Sequence[Path], str | None], Imports]


FORMATS: Mapping[str, Format] = {
    "recording": Format(
        "rows with request and responses by model", recording.fits, recording.read_recordings
    ),
    "openai": Format("chat JSONL, batch input and output", openai.fits, openai.read_openai),
}


def detect(path: Path) -> str:
    """The name of the format of a log file, by the first row that is of any.

    Raises:
        InputError: the file cannot be read, holds no row, or rows of no known format.
    """
    rows = first_rows(path)
    for row in rows:
        for name, shape in FORMATS.items():
            if shape.fits(row.value):
                return name
    if not rows:
        raise InputError(f"{path}: no row in it is a JSON object; is it a log?")
    keys = ", ".join(str(k)[:40] for k in list(rows[0].value)[:8]) or "none"
    known = "; ".join(f"{name}: {shape.what}" for name, shape in FORMATS.items())
    raise InputError(f"{path}: no known format (its first row has the keys {keys}); known: {known}")


def read(paths: Iterable[Path], format: str = "auto", served: str | None = None) -> Imports:
    """Everything in the log files that ``paths`` (files and folders) stand for, lazily.

    ``served`` names the model that answered where the rows leave it open. Fingerprints and costs
    are left to the caller. A file of no known format inside a folder counts as one bad row.

    Raises:
        InputError: at once, for a path that is missing, cannot be read or is of no known format.
        UsageError: there is no such format.
    """
    if format != "auto" and format not in FORMATS:
        raise UsageError(f"no format {format!r}; choose from auto, {', '.join(FORMATS)}")
    by_format: dict[str, list[Path]] = {}
    strangers: list[BadRow] = []
    for path, named in log_files(paths):
        try:
            name = detect(path) if format == "auto" else format
        except InputError as fault:
            if named:
                raise
            strangers.append(BadRow(str(path), 1, str(fault).removeprefix(f"{path}: "), ""))
        else:
            by_format.setdefault(name, []).append(path)
    parts = [FORMATS[name].read(files, served) for name, files in by_format.items()]
    return chain(*parts, strangers)
