"""How a sequential test is likely to go, before it is run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from downroute.stats.planning import difference_sd
from downroute.stats.sequential import bounds

DISCORDANCE = 0.10
"""The share of pairs whose scores differ, where nothing is known of it yet: the middle of what was
measured between a cheap and an expensive model (5 to 20 %)."""

DIFFERING_ANSWERS = 0.15
"""The share of pairs whose answers differ in words, likewise (5 to 21 %)."""

GAPS = (0.0, 0.01, 0.02)
_PATHS = 4000


class Prospect(NamedTuple):
    """Were the true gap ``gap``: the chance that the candidate is shown, and the mean number of
    pairs until the test stops."""

    gap: float
    power: float
    pairs: float


def prospects(schedule: Sequence[int], margin: float, alpha: float) -> list[Prospect]:
    """For each of `GAPS` how the test at these looks would go, by simulation (seeded, ±0.8 points
    of power); stops for futility left out."""
    z_bounds = np.array(bounds(schedule, schedule[-1], alpha))
    sizes = np.array(schedule, dtype=np.float64)
    steps = np.diff(sizes, prepend=0.0)
    noise = np.random.default_rng(0).standard_normal((_PATHS, len(sizes)))
    found = []
    for gap in GAPS:
        sd = difference_sd(gap, DISCORDANCE)
        sums = np.cumsum(steps * (gap - margin) + noise * sd * np.sqrt(steps), axis=1)
        z = sums / (sd * np.sqrt(sizes))
        shown, worse = z < z_bounds, z > -z_bounds
        ended = shown | worse
        ended[:, -1] = True
        last = np.argmax(ended, axis=1)
        rows = np.arange(_PATHS)
        found.append(Prospect(gap, float(shown[rows, last].mean()), float(sizes[last].mean())))
    return found


def expected_labels(pairs: float, share_by_people: float) -> int:
    """How many pairs a person will have to grade."""
    return math.ceil(pairs * share_by_people * DIFFERING_ANSWERS)
