"""Which files an import reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from downroute.errors import InputError

SUFFIXES = (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz")
"""What is taken from a folder. Other files (``.json``: settings, indexes) are read when named."""


def log_files(paths: Iterable[Path]) -> list[tuple[Path, bool]]:
    """The files that ``paths`` stand for, each once, and whether it was named itself.

    A folder stands for the log files anywhere below it, in the order of their names; hidden
    ones are left out.

    Raises:
        InputError: a path does not exist or is neither file nor folder; a folder holds no log.
    """
    found: dict[Path, tuple[Path, bool]] = {}
    for path in paths:
        named = not path.is_dir()
        for file in [path] if named else _inside(path):
            found.setdefault(_checked(file).resolve(), (file, named))
    return list(found.values())


def _inside(folder: Path) -> list[Path]:
    files = sorted(_visible(folder))
    if not files:
        raise InputError(
            f"{folder}: no log files in this folder ({', '.join(SUFFIXES)}); name a file"
        )
    return files


def _visible(folder: Path) -> Iterator[Path]:
    for file in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
        if not hidden and file.name.endswith(SUFFIXES) and file.is_file():
            yield file


def _checked(file: Path) -> Path:
    if not file.exists():
        raise InputError(f"{file}: no such file or folder")
    if not file.is_file():
        raise InputError(f"{file}: not a regular file; write the log to a file first")
    return file
