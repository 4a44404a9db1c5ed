from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.power import normal_power

from downroute.stats.noninferiority import tango_z
from downroute.stats.planning import (
    difference_sd,
    more_pairs,
    more_pairs_graded,
    pairs_for_power,
    power_of,
)


@pytest.mark.parametrize(
    ("discordance", "pairs"),
    [(0.05, [124, 193, 341]), (0.10, [248, 387, 685]), (0.20, [495, 773, 1372])],
)
def test_the_stated_plans_come_out(discordance, pairs):
    found = [pairs_for_power(g, difference_sd(g, discordance), 0.05) for g in (0, 0.01, 0.02)]
    assert found == pairs


@pytest.mark.parametrize("gap", [0.05, 0.08])
def test_no_number_of_pairs_shows_what_is_not_so(gap):
    assert pairs_for_power(gap, 0.3, 0.05) is None
    assert more_pairs_graded(gap, 0.3, 100, 0.05) is None


@settings(deadline=None)
@given(
    gap=st.floats(-0.1, 0.04),
    sd=st.floats(0.05, 0.9),
    alpha=st.sampled_from([0.01, 0.05]),
    power=st.sampled_from([0.5, 0.8, 0.9]),
)
def test_the_power_of_the_planned_pairs_is_the_power_asked_for(gap, sd, alpha, power):
    pairs = pairs_for_power(gap, sd, 0.05, alpha=alpha, power=power)
    assert power_of(pairs, gap, sd, 0.05, alpha=alpha) >= power - 1e-6
    if pairs > 1:
        assert power_of(pairs - 1, gap, sd, 0.05, alpha=alpha) < power + 1e-6


def test_power_agrees_with_statsmodels():
    expected = normal_power((0.05 - 0.01) / 0.3, 400, 0.05, alternative="larger")
    assert power_of(400, 0.01, 0.3, 0.05) == pytest.approx(expected)
    assert power_of(400, 0.05, 0.3, 0.05) == pytest.approx(0.05)
    assert power_of(10, 0.0, 0.0, 0.05) == 1.0


def test_planned_pairs_give_the_power_in_exact_enumeration(sim):
    """The formula is a normal approximation; Tango's test on the planned pairs keeps near it."""
    for gap, discordance in ((0.0, 0.10), (0.01, 0.10), (0.02, 0.20)):
        pairs = pairs_for_power(gap, difference_sd(gap, discordance), 0.05)
        assert sim.acceptance(sim.tango_rule(pairs), gap, discordance) == pytest.approx(
            0.80, abs=0.04
        )


def test_need_is_none_at_the_margin_and_zero_when_enough():
    assert more_pairs(10, 5, 100, 0.05) is None
    assert more_pairs(0, 0, 60, 0.05) == 0
    assert (
        more_pairs(8, 5, 100, 0.05) == pairs_for_power(0.03, difference_sd(0.03, 0.13), 0.05) - 100
    )
    with pytest.raises(ValueError, match="no pairs"):
        more_pairs(0, 0, 0, 0.05)


def test_no_difference_in_a_few_pairs_is_not_enough():
    assert more_pairs(0, 0, 10, 0.05) == 42


@settings(deadline=None)
@given(b=st.integers(0, 6), c=st.integers(0, 6), rest=st.integers(20, 300))
def test_after_the_needed_pairs_the_same_shares_pass(b, c, rest):
    n = b + c + rest
    more = more_pairs(b, c, n, 0.05)
    if more is None:
        assert (b - c) / n >= 0.05
        return
    grown = (n + more) / n
    assert tango_z(b * grown, c * grown, n * grown, 0.05) < -1.6448


def test_a_binary_need_and_a_graded_one_are_the_same_formula():
    differences = np.repeat([1.0, -1.0, 0.0], [12, 9, 279])
    graded = more_pairs_graded(differences.mean(), differences.std(), 300, 0.05)
    assert graded == more_pairs(12, 9, 300, 0.05)
