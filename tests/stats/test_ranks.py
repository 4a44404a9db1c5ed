import numpy as np
import pytest
from scipy.stats import rankdata, spearmanr

from downroute.stats.ranks import ranks, spearman


@pytest.mark.parametrize("kinds", [3, 10, 10_000])
def test_ranks_and_their_correlation_are_scipy_s(kinds):
    generator = np.random.default_rng(kinds)
    for size in (3, 20, 400):
        one = generator.integers(0, kinds, size) + np.arange(size) % 2
        other = one * generator.choice([-1, 1], size) + generator.integers(0, kinds, size)
        assert ranks(one).tolist() == rankdata(one).tolist()
        if len(set(other)) > 1 and len(set(one)) > 1:
            told = spearmanr(one, other)
            assert spearman(one, other) == pytest.approx((told.statistic, told.pvalue), rel=1e-9)


def test_rows_that_rise_together_throughout_correlate_fully():
    assert spearman([1, 2, 3, 4], [10, 20, 30, 40]) == (pytest.approx(1.0), pytest.approx(0.0))
    assert spearman([1, 2, 3, 4], [4, 3, 2, 1])[0] == pytest.approx(-1.0)
