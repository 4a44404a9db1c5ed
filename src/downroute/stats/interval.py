"""What an estimate is known to lie between."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its confidence bounds, ``low <= estimate <= high``, in score units (a gap
    of five points is 0.05). A bound the data say nothing about is as far out as the quantity
    goes: ±1 for a gap, ``-inf`` for a relative one."""

    estimate: float
    low: float
    high: float
