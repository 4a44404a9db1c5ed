from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control
from statsmodels.stats.multitest import multipletests

from downroute.stats.multiple import benjamini_hochberg

p_values = st.lists(st.floats(0, 1), min_size=1, max_size=30)


@settings(deadline=None)
@given(p=p_values, q=st.sampled_from([0.05, 0.10, 0.25]))
def test_marks_are_those_of_statsmodels(p, q):
    assert benjamini_hochberg(p, q) == multipletests(p, q, method="fdr_bh")[0].tolist()


def test_marks_are_those_of_scipys_adjusted_p_values():
    p = [0.001, 0.012, 0.02, 0.021, 0.2, 0.8]
    assert benjamini_hochberg(p) == (false_discovery_control(p) <= 0.10).tolist()


def test_no_tasks_give_no_marks():
    assert benjamini_hochberg([]) == []


def test_twenty_tasks_at_once(sim):
    """Stated: 95.5 % of fleets have a false route by the point rule, 14.7 % by each task's own
    test, 11.5 % among the marked. The mix of gaps is inferred: it is one that gives all three."""
    gaps = [0.0] * 12 + [0.05] * 3 + [0.075] * 3 + [0.10] * 2
    found = sim.fleet(gaps, 200, discordance=0.13, runs=6_000, seed=1)
    assert found == pytest.approx((0.955, 0.147, 0.115), abs=0.014)
