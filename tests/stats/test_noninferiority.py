from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import _confint_riskratio_paired_nam

from downroute.stats.noninferiority import (
    relative_interval,
    relative_z,
    tango_interval,
    tango_z,
)

cells = st.integers(0, 60)
margins = st.floats(-0.9, 0.9).filter(lambda m: abs(m) > 1e-6)


def constrained_z(counts, coefficients):
    """The score test of "Σ a·p = 0" for any multinomial, with the probabilities that maximise the
    likelihood under it, found numerically on the dual; cells without counts included."""
    n, a = np.asarray(counts, float), np.asarray(coefficients, float)
    low, high = -1 / a.max(), -1 / a.min()

    def slope(at):
        some = n > 0
        return float((n[some] * a[some] / (1 + at * a[some])).sum())

    edge = 1e-11 * (high - low)
    inner = (low + edge, high - edge)
    if slope(inner[0]) <= 0:
        multiplier = low
    elif slope(inner[1]) >= 0:
        multiplier = high
    else:
        multiplier = brentq(slope, *inner, xtol=1e-15, rtol=1e-14)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = np.where(n > 0, n / (1 + multiplier * a), 0.0)
    if multiplier in (low, high):
        empty = a.argmax() if multiplier == low else a.argmin()
        p[empty] = -(a @ np.where(np.arange(len(a)) == empty, 0.0, p)) / a[empty]
    variance = (a**2) @ p
    return (a @ n) / math.sqrt(variance)


@settings(deadline=None)
@given(both=cells, b=cells, c=cells, neither=cells, margin=margins)
def test_tango_is_the_score_test_of_a_constrained_multinomial(both, b, c, neither, margin):
    if b + c == 0 or both + neither == 0:
        return
    general = constrained_z([both, b, c, neither], [-margin, 1 - margin, -1 - margin, -margin])
    assert tango_z(b, c, both + b + c + neither, margin) == pytest.approx(general, abs=1e-5)


@settings(deadline=None)
@given(both=cells, b=cells, c=cells, neither=cells, margin=margins)
def test_the_relative_test_is_the_score_test_of_a_constrained_multinomial(
    both, b, c, neither, margin
):
    if (both == 0) + (b == 0) + (c == 0) > 1:
        return
    general = constrained_z([both, b, c, neither], [-margin, 1 - margin, -1.0, 0.0])
    assert relative_z(both, b, c, margin) == pytest.approx(general, abs=1e-5)


@settings(deadline=None)
@given(b=cells, c=cells, rest=cells, margin=margins)
def test_swapping_the_models_turns_the_sign(b, c, rest, margin):
    n = b + c + rest
    assert tango_z(b, c, n, -margin) == pytest.approx(-tango_z(c, b, n, margin), abs=1e-9)
    low, high = tango_interval(b, c, n, 1.96)
    assert tango_interval(c, b, n, 1.96) == pytest.approx((-high, -low), abs=1e-7)


@settings(deadline=None)
@given(b=st.integers(1, 40), c=st.integers(0, 40), rest=cells)
def test_at_margin_zero_both_tests_are_mcnemars(b, c, rest):
    expected = mcnemar([[rest, b], [c, 0]], exact=False, correction=False).statistic
    assert tango_z(b, c, b + c + rest, 0.0) ** 2 == pytest.approx(expected)
    assert relative_z(rest, b, c, 0.0) ** 2 == pytest.approx(expected)


@settings(deadline=None)
@given(b=cells, c=cells, rest=cells, margin=margins)
def test_one_more_lost_pair_never_helps_the_candidate(b, c, rest, margin):
    n = b + c + rest + 1
    assert tango_z(b + 1, c, n, margin) >= tango_z(b, c, n, margin) - 1e-9
    assert tango_interval(b + 1, c, n, 1.645)[1] >= tango_interval(b, c, n, 1.645)[1] - 1e-7


@settings(deadline=None)
@given(both=cells, b=cells, c=cells, rest=cells, z=st.floats(0.5, 4))
def test_an_interval_holds_its_estimate_and_ends_where_the_test_rejects(both, b, c, rest, z):
    n = both + b + c + rest
    low, high = tango_interval(b, c, n, z)
    assert -1 <= low <= high <= 1
    if n:
        assert low <= (b - c) / n <= high
    if high < 1:
        assert tango_z(b, c, n, high) == pytest.approx(-z, abs=1e-3)
    low, high = relative_interval(both, b, c, z)
    assert low <= high <= 1
    if both + b:
        assert low - 1e-9 <= (b - c) / (both + b) <= high + 1e-9
    if high < 1:
        assert relative_z(both, b, c, high) == pytest.approx(-z, abs=1e-3)


@pytest.mark.parametrize(
    ("b", "c", "n", "expected"),
    [
        (1, 7, 21, (-0.51723228, -0.02600303)),
        (6, 16, 161, (-0.12402343, -0.00543340)),
        (40, 20, 160, (0.03086453, 0.21806424)),
        (3, 0, 52, (-0.01506871, 0.15642511)),
        (0, 0, 100, (-0.03699350, 0.03699350)),
        (100, 0, 100, (0.92601300, 1.0)),
    ],
)
def test_the_interval_is_the_closed_form_of_another_library(b, c, n, expected):
    """95 % intervals of evalstats 0.3.3, which solves Tango's equation as a quartic."""
    assert tango_interval(b, c, n, 1.9599639845) == pytest.approx(expected, abs=1e-7)


def test_no_pairs_say_nothing():
    assert tango_interval(0, 0, 0, 1.645) == (-1.0, 1.0)
    assert tango_z(0, 0, 0, 0.05) == 0.0


@settings(deadline=None)
@given(both=st.integers(1, 300), b=cells, c=cells, neither=cells)
def test_the_relative_interval_is_nams_closed_form(both, b, c, neither):
    if b + c == 0:
        return
    ratio = _confint_riskratio_paired_nam([[both, c], [b, neither]], alpha=0.05).confint
    expected = (1 - ratio[1].real, 1 - ratio[0].real)
    assert relative_interval(both, b, c, 1.9599639845) == pytest.approx(
        expected, rel=1e-3, abs=1e-4
    )


def test_a_relative_gap_to_a_baseline_that_is_never_right_is_open_below():
    assert relative_interval(0, 0, 0, 1.645) == (-math.inf, 1.0)
    low, high = relative_interval(0, 0, 10, 1.645)
    assert low == -math.inf
    assert high == pytest.approx(1 - 10 / 1.645**2)


def test_what_it_accepts_is_what_the_design_says(sim):
    assert [sim.most_lost(0, n) for n in (51, 52)] == [-1, 0]
    for n, most in ((100, [1, 2, 4, 7]), (200, [4, 6, 8, 11]), (400, [12, 14, 16, 20])):
        assert [sim.most_lost(c, n) for c in (0, 2, 5, 10)] == most


def test_its_exact_size_is_five_percent_over_discordances_of_5_to_60_percent(sim):
    found = [round(100 * sim.size(n)[0], 2) for n in (100, 200, 400)]
    assert found == [5.07, 5.11, 5.05]


def test_the_point_rule_is_a_coin_flip_at_the_margin(sim):
    rule = sim.point_rule(100)
    for gap, low, high in ((0.05, 0.53, 0.605), (0.075, 0.23, 0.375), (0.10, 0.057, 0.237)):
        for discordance in np.linspace(max(gap, 0.06), 0.40, 15):
            assert low <= sim.acceptance(rule, gap, discordance) <= high


@pytest.mark.parametrize("accuracy", [0.6, 0.8, 0.95])
def test_the_relative_test_holds_its_size(sim, accuracy):
    accepted = sim.relative_acceptance(accuracy, 0.05, 0.3, n=200, runs=20_000, seed=1)
    assert 0.03 < accepted < 0.055
