from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from downroute.stats.bootstrap import mean_bounds, relative_gap_bounds


def scores(n, seed=0):
    rng = np.random.default_rng(seed)
    base = rng.beta(6, 2, n)
    return base, np.clip(base - rng.exponential(0.05, n) + 0.02, 0, 1)


@pytest.mark.parametrize("z", [1.645, 2.5])
def test_bounds_agree_with_scipys_bca(z):
    base, cand = scores(80)
    level = 1 - 2 * stats.norm.sf(z)
    options = {"confidence_level": level, "n_resamples": 9_999, "method": "BCa", "rng": 1}
    mean = stats.bootstrap((base - cand,), np.mean, **options).confidence_interval
    width = mean.high - mean.low
    assert mean_bounds(base - cand, z) == pytest.approx(tuple(mean), abs=0.05 * width)

    def gap(b, c, axis=-1):
        return 1 - c.mean(axis=axis) / b.mean(axis=axis)

    ratio = stats.bootstrap((base, cand), gap, paired=True, **options).confidence_interval
    width = ratio.high - ratio.low
    assert relative_gap_bounds(base, cand, z) == pytest.approx(tuple(ratio), abs=0.05 * width)


def test_bounds_follow_the_seed_and_nothing_else():
    base, cand = scores(60)
    again = mean_bounds((base - cand).copy(), 1.645, seed=5)
    assert again == mean_bounds(base - cand, 1.645, seed=5)
    assert again != mean_bounds(base - cand, 1.645, seed=6)


@pytest.mark.parametrize("value", [0.0, 0.1, -1.0])
def test_equal_differences_leave_nothing_to_resample(value):
    assert mean_bounds(np.full(30, value), 1.645) == pytest.approx((value, value))


def test_one_pair_is_no_crash():
    assert mean_bounds(np.array([0.3]), 1.645) == pytest.approx((0.3, 0.3))


def test_mirrored_differences_mirror_the_bounds():
    base, cand = scores(100)
    low, high = mean_bounds(base - cand, 2.0)
    assert mean_bounds(cand - base, 2.0) == pytest.approx((-high, -low), abs=1e-9)


def test_a_relative_gap_is_open_below_where_one_pair_carries_the_baseline():
    base, cand = np.zeros(50), np.full(50, 0.1)
    base[0] = 1.0
    assert relative_gap_bounds(base, cand, 1.645) == (-math.inf, 1.0)
