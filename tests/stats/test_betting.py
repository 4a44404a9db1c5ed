from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from downroute.stats.betting import mean_bounds, relative_gap_bounds

values = arrays(np.float64, st.integers(1, 40), elements=st.floats(-1, 1, width=32))


@settings(max_examples=50, deadline=None)
@given(x=values, alpha=st.sampled_from([0.01, 0.05, 0.2]))
def test_bounds_hold_the_mean_and_mirror(x, alpha):
    low, high = mean_bounds(x, -1, 1, alpha)
    assert -1 <= low <= x.mean() + 1e-9
    assert x.mean() - 1e-9 <= high <= 1
    assert mean_bounds(-x, -1, 1, alpha) == pytest.approx((-high, -low), abs=1e-6)


@settings(max_examples=50, deadline=None)
@given(x=values)
def test_bounds_forget_the_order_and_know_the_scale(x):
    expected = mean_bounds(x, -1, 1, 0.05)
    assert mean_bounds(x[::-1], -1, 1, 0.05) == pytest.approx(expected, abs=1e-6)
    scaled = mean_bounds(3 * x + 7, 4, 10, 0.05)
    assert scaled == pytest.approx([3 * b + 7 for b in expected], abs=1e-5)


def test_no_values_say_nothing_and_more_values_say_more():
    assert mean_bounds(np.array([]), -1, 1, 0.05) == (-1, 1)
    widths = [np.diff(mean_bounds(np.zeros(n), -1, 1, 0.05))[0] for n in (10, 100, 1000)]
    assert widths[0] > 4 * widths[1] > 16 * widths[2]


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng, shape: (rng.random(shape) < 0.02).astype(float),
        lambda rng, shape: (rng.random(shape) < 0.5).astype(float),
        lambda rng, shape: rng.beta(0.2, 3.0, shape),
    ],
)
def test_bounds_fail_at_most_at_their_level_over_all_looks_together(draw):
    rng = np.random.default_rng(1)
    truth = float(draw(rng, 2_000_000).mean())
    missed = 0
    for _ in range(150):
        x = draw(rng, 320)
        looks = [mean_bounds(x[:n], 0, 1, 0.05) for n in (20, 80, 320)]
        missed += any(high < truth for _, high in looks)
    assert missed / 150 <= 0.05 + 0.04


def test_a_relative_gap_of_constant_scores_is_found():
    base, cand = np.full(400, 0.8), np.full(400, 0.72)
    low, high = relative_gap_bounds(base, cand, 0.05)
    assert low < 0.1 < high
    assert high - low < 0.05


def test_a_relative_gap_without_information_is_open():
    zero, one = np.zeros(20), np.ones(20)
    assert relative_gap_bounds(one, zero, 0.05)[1] == 1.0
    assert relative_gap_bounds(zero, one, 0.05)[0] == -math.inf
    assert relative_gap_bounds(zero, zero, 0.05) == (-math.inf, 1.0)
