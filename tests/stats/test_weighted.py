import numpy as np
import pytest

from downroute.stats.graded import graded_interval as even_interval
from downroute.stats.noninferiority import tango_interval, tango_z
from downroute.stats.weighted import (
    binary_interval,
    binary_z,
    effective,
    graded_interval,
    split,
)


def scores(b, c, n):
    base = np.array([1.0] * b + [0.0] * c + [1.0] * (n - b - c))
    cand = np.array([0.0] * b + [1.0] * c + [1.0] * (n - b - c))
    return base, cand


def test_even_weights_are_tango_itself():
    base, cand = scores(9, 3, 200)
    parts = split(base, cand, np.full(200, 7.0), np.zeros(200))
    found = binary_interval(parts, 1.645)
    assert (found.low, found.high) == pytest.approx(tango_interval(9, 3, 200, 1.645))
    assert binary_z(parts, 0.05) == pytest.approx(tango_z(9, 3, 200, 0.05))


def test_a_certain_request_moves_the_gap_and_leaves_its_share_of_doubt():
    base, cand = scores(4, 4, 200)
    base, cand = np.append(base, 1.0), np.append(cand, 0.0)
    weights = np.append(np.full(200, 1.0), 600.0)
    certain = np.arange(201) == 200
    found = binary_interval(split(base, cand, weights, certain), 1.645)
    low, high = tango_interval(4, 4, 200, 1.645)
    assert found.estimate == pytest.approx(0.75)
    assert (found.low, found.high) == pytest.approx((0.75 + low / 4, 0.75 + high / 4))


def test_uneven_weights_count_as_fewer_pairs():
    weights = np.concatenate([np.full(100, 1.0), np.full(100, 5.0)])
    assert effective(np.zeros(200), weights) == pytest.approx(600**2 / 2600)
    assert effective(np.zeros(200), np.ones(200)) == pytest.approx(200)


def test_graded_scores_scaled_by_their_weight_keep_the_weighted_mean():
    chance = np.random.default_rng(2)
    base, cand = chance.uniform(0.4, 1, 300), chance.uniform(0.4, 1, 300)
    weights = chance.integers(1, 4, 300).astype(float)
    parts = split(base, cand, weights, np.zeros(300))
    found = graded_interval(parts, lambda b, c: even_interval(b, c, 1.645, 0.05))
    assert found.estimate == pytest.approx(float(np.average(base - cand, weights=weights)))
    assert found.low < found.estimate < found.high
