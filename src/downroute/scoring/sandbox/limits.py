"""What one run may use, and the ways in which it can end."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

MB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """``wall_s`` kills the whole group, whatever it does; ``cpu_s`` and ``memory_mb`` hold for each
    process, and ``memory_mb`` also for all of them together (looked at every 0.1 s).
    ``output_bytes`` is what may be written to all its streams together."""

    wall_s: float = 10.0
    memory_mb: int = 1024
    processes: int = 32
    open_files: int = 64
    file_mb: int = 16
    tmp_mb: int = 64
    output_bytes: int = MB

    @property
    def cpu_s(self) -> int:
        """Seconds of CPU of one process, no less than the wall clock gives it."""
        return int(self.wall_s) + 1


class Ended(StrEnum):
    """How a run ended. Only a sandbox failure says nothing of the program."""

    FINISHED = "finished"
    ERROR = "program error"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out of memory"
    OUTPUT_TOO_LARGE = "output too large"
    SANDBOX_FAILURE = "sandbox failure"
