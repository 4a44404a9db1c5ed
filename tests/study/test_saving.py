import pytest

from downroute.study.saving import saving


def test_the_share_is_one_minus_the_ratio_of_mean_costs():
    found = saving([0.004, 0.006], [0.0002, 0.0003], measuring_usd=0.0, calls_per_month=None)
    assert found.share == pytest.approx(0.95)
    assert found.month_usd is None
    assert found.baseline_usd == pytest.approx(0.005)


def test_a_month_is_net_of_measuring_which_lasts_as_long_as_the_evidence():
    found = saving([0.01] * 10, [0.001] * 10, measuring_usd=3.0, calls_per_month=1000)
    # 90 days of 1,000 calls a month are 2,957 calls at 1 cent; measuring them cost 3 dollars.
    low, high = found.month_usd
    assert low == pytest.approx(high)
    assert low == pytest.approx(10 - 1 - 3 * 30.4375 / 90)


def test_a_candidate_that_writes_more_may_cost_more():
    found = saving([0.001] * 5, [0.003] * 5, measuring_usd=0.0, calls_per_month=100)
    assert found.share == pytest.approx(-2.0) and found.month_usd[1] < 0


def test_the_interval_widens_with_the_spread_of_costs():
    even = saving([0.01] * 50, [0.001] * 50, 0.0, None)
    uneven = saving([0.01] * 50, [0.0002, 0.0018] * 25, 0.0, None)
    assert even.share_high - even.share_low == pytest.approx(0.0, abs=1e-12)
    assert uneven.share_high - uneven.share_low > 0.02
    assert uneven.share_low < uneven.share < uneven.share_high


def test_unknown_costs_are_left_out_and_all_unknown_is_none():
    found = saving([0.01, None, 0.01], [0.001, 0.001, None], 0.0, None)
    assert found.share == pytest.approx(0.9)
    assert saving([None], [0.1], 0.0, None) is None
    assert saving([], [], 0.0, None) is None
