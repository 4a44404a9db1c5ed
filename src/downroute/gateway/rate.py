"""How often a key may be used: a bucket of a minute's requests that fills up again evenly.

The generic cell rate algorithm (ITU-T I.371): all there is to remember is one instant, so several
processes can share a bucket through eight bytes of memory. They take no lock: two that look at the
same moment may both let a request in where there was room for one.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import Protocol

_BYTES = 8
_EPSILON_S = 1e-6
_MINUTE_S = 60.0


class Cell(Protocol):
    """One number, at index 0: when the bucket will be full again, by the machine's monotonic
    clock."""

    def __getitem__(self, index: int, /) -> float: ...

    def __setitem__(self, index: int, value: float, /) -> None: ...


class Cells:
    """The buckets' memory, by name; in ``folder``, if there is one, for all processes that are
    given the same. Where it cannot be shared, each process counts for itself."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._cells: dict[str, Cell] = {}

    def cell(self, name: str) -> Cell:
        found = self._cells.get(name)
        if found is None:
            found = self._cells[name] = self._shared(name) or [0.0]
        return found

    def _shared(self, name: str) -> Cell | None:
        if self._folder is None:
            return None
        try:
            file = os.open(self._folder / f"{name}.rate", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                os.ftruncate(file, _BYTES)
                return memoryview(mmap.mmap(file, _BYTES)).cast("d")
            finally:
                os.close(file)
        except (OSError, ValueError):
            return None


def wait_s(cell: Cell, per_minute: int, now: float) -> float:
    """Take one request out of the bucket at ``now``: 0 where it held one, else in how many seconds
    there will be one; then nothing is taken."""
    each_s = _MINUTE_S / per_minute
    full_at = cell[0]
    if full_at <= now or full_at - now > _MINUTE_S + each_s:
        # Full; or what is left of another clock.
        full_at = now
    over_s = full_at - now - (_MINUTE_S - each_s)
    if over_s > _EPSILON_S:
        return over_s
    cell[0] = full_at + each_s
    return 0.0
