"""Shares beside independent oracles, and trends by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import fisher_exact
from statsmodels.stats.proportion import proportion_confint

from downroute.stats.proportion import fisher_greater, trend_z, two_sided, wilson, z_of


@pytest.mark.parametrize(("hits", "of"), [(0, 1), (0, 30), (3, 10), (30, 30), (120, 5000)])
def test_wilsons_interval_is_that_of_statsmodels(hits, of):
    found = wilson(hits, of)
    low, high = proportion_confint(hits, of, method="wilson")
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-6)
    assert found.low <= found.estimate <= found.high


@pytest.mark.parametrize("table", [(8, 10, 12, 40), (0, 5, 3, 20), (5, 5, 5, 60)])
def test_fishers_p_is_that_of_scipys_own_test(table):
    hits, of, all_hits, everything = table
    rest = everything - of - (all_hits - hits)
    cells = [[hits, of - hits], [all_hits - hits, rest]]
    oracle = fisher_exact(cells, alternative="greater").pvalue
    assert fisher_greater(hits, of, all_hits, everything) == pytest.approx(oracle, rel=1e-9)


def test_a_steady_share_shows_a_trend_as_often_as_its_level_says():
    draw = np.random.default_rng(3)
    of = [40, 60, 20, 80, 50, 30]
    z = [trend_z(draw.binomial(of, 0.2).tolist(), of) for _ in range(2000)]
    assert 0.03 < np.mean([two_sided(value) < 0.05 for value in z]) < 0.07
    assert trend_z([1, 5, 12, 20], [40, 40, 40, 40]) > z_of(0.001)
    assert trend_z([20, 12, 5, 1], [40, 40, 40, 40]) < -z_of(0.001)
    assert trend_z([0, 0], [5, 5]) == 0.0
