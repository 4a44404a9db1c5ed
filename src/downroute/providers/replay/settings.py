"""How recordings are served."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from downroute.providers.replay.faults import DEFAULT_KINDS, Fault


@dataclass(frozen=True, slots=True)
class ReplaySettings:
    """``latency`` is how long a reply takes in seconds, a streamed one spread over its chunks;
    ``"recorded"`` takes each answer's own, none where none is recorded. ``fail_rate`` is the
    share of answerable requests that meet one of ``faults``, ``seed`` decides which. ``log`` is
    appended to."""

    latency: float | Literal["recorded"] = 0.0
    fail_rate: float = 0.0
    faults: tuple[Fault, ...] = DEFAULT_KINDS
    seed: int = 0
    require_key: str | None = field(default=None, repr=False)
    log: Path | None = None
