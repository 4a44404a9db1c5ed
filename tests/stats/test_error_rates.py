from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint, proportions_ztest

from downroute.stats.error_rates import differing_p, error_rate


def counted(wrong, labels):
    return error_rate([True] * wrong + [False] * (labels - wrong), [1.0] * labels)


@pytest.mark.parametrize(("wrong", "labels"), [(0, 12), (3, 20), (40, 50), (7, 7)])
def test_equal_weights_give_wilsons_interval(wrong, labels):
    rate = counted(wrong, labels)
    bounds = proportion_confint(wrong, labels, method="wilson")
    assert (rate.low, rate.high) == pytest.approx(bounds, abs=1e-6)


def test_two_rates_are_compared_by_the_pooled_test():
    ours = differing_p(counted(6, 40), counted(16, 40))
    assert ours == pytest.approx(proportions_ztest([6, 16], [40, 40])[1])
    assert differing_p(counted(0, 9), counted(0, 30)) == 1.0


def test_a_label_counts_for_as_many_items_as_it_stands_for():
    rate = error_rate([True, False], [1.0, 3.0])
    assert (rate.value, rate.wrong, rate.labels) == (0.25, 1, 2)
    assert rate.effective == pytest.approx(1.6)


def test_without_labels_nothing_is_known():
    unknown = error_rate([], [])
    assert (unknown.value, unknown.low, unknown.high) == (None, 0.0, 1.0)
    assert differing_p(unknown, counted(1, 2)) is None


def test_equal_judges_are_called_different_at_most_five_times_in_a_hundred():
    random = np.random.default_rng(8)
    called = 0
    for _ in range(1_500):
        first, second = random.binomial(20, 0.3), random.binomial(30, 0.3)
        p = differing_p(counted(int(first), 20), counted(int(second), 30))
        called += p is not None and p < 0.05
    assert called / 1_500 <= 0.065
