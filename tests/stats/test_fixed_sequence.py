"""The grid of escalation fractions and the walk along it."""

from __future__ import annotations

import numpy as np
import pytest

from downroute.stats.fixed_sequence import FRACTIONS, tango_z_many, thresholds, walk
from downroute.stats.noninferiority import tango_z


def test_tangos_statistic_of_many_counts_is_the_one_of_each() -> None:
    counts = [(0, 0), (3, 0), (0, 3), (12, 7), (80, 20), (500, 0)]
    b, c = (np.array([pair[k] for pair in counts], float) for k in (0, 1))
    alone = [tango_z(*pair, 500, 0.05) for pair in counts]
    assert tango_z_many(b, c, 500, 0.05) == pytest.approx(alone)


def test_the_grid_has_twenty_falling_fractions() -> None:
    assert len(FRACTIONS) == 20
    assert list(FRACTIONS) == sorted(set(FRACTIONS), reverse=True)


def test_above_each_threshold_lies_the_fraction_asked_for() -> None:
    risk = np.random.default_rng(0).normal(size=1000)
    shares = [(risk > t).mean() for t in thresholds(risk)]
    assert shares == pytest.approx(FRACTIONS, abs=1e-9)


def test_equal_risks_are_escalated_together() -> None:
    risk = np.array([0.0] * 90 + [1.0] * 10)
    shares = {float((risk > t).mean()) for t in thresholds(risk)}
    assert shares == {1.0, 0.1}


def test_the_walk_ends_at_the_first_point_that_fails_whatever_comes_after() -> None:
    assert walk(lambda k: k != 2, 5) == 2
    assert walk(lambda _: True, 5) == 5
