from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ppi_py import ppi_mean_ci, ppi_mean_pointestimate

from downroute.stats.ppi import Stratum, ppi_mean


def labelled(seed, labels, rest, judge_right=0.7):
    random = np.random.default_rng(seed)
    items = labels + rest
    truth = random.choice([-1.0, 0.0, 1.0], items, p=[0.06, 0.82, 0.12])
    other = random.choice([-1.0, 0.0, 1.0], items)
    judged = np.where(random.random(items) < judge_right, truth, other)
    return truth[:labels], judged[:labels], judged[labels:]


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10_000),
    labels=st.integers(10, 150),
    rest=st.integers(20, 500),
    right=st.sampled_from([0.0, 0.3, 0.7, 0.95]),
)
def test_one_stratum_gives_the_estimate_of_ppi_python(seed, labels, rest, right):
    truth, judged, others = labelled(seed, labels, rest, right)
    if judged.std() == 0 or np.concatenate([judged, others]).std() == 0:
        return
    ours = ppi_mean([Stratum.of(truth, judged, others)], unseen=0.0)
    theirs = ppi_mean_pointestimate(truth, judged, others)
    assert ours.value == pytest.approx(theirs.item(), abs=1e-12)


def test_one_large_stratum_gives_the_interval_of_ppi_python():
    truth, judged, others = labelled(1, 800, 8_000)
    ours = ppi_mean([Stratum.of(truth, judged, others)], unseen=0.0).interval(1.959964)
    low, high = ppi_mean_ci(truth, judged, others, alpha=0.05)
    assert (ours.low, ours.high) == pytest.approx((low.item(), high.item()), abs=2e-4)


def test_labels_for_everything_leave_the_judge_without_a_say():
    truth = np.array([1.0, 0.0, 0.0, -1.0, 0.0])
    found = ppi_mean([Stratum.of(truth, np.ones(5))])
    assert found.value == truth.mean()
    assert found.se == pytest.approx(truth.std() / np.sqrt(5))


def test_a_stratum_is_weighted_by_its_items_and_not_by_its_labels():
    heavy = Stratum.of([0.0] * 10, [0.0] * 10, [0.0] * 80)
    light = Stratum.of([1.0] * 10, [1.0] * 10)
    assert ppi_mean([heavy, light]).value == pytest.approx(0.1)


def test_a_judge_that_says_nothing_is_given_no_weight():
    truth, _, _ = labelled(3, 100, 0)
    noise = np.random.default_rng(4).random(400)
    found = ppi_mean([Stratum.of(truth, noise[:100], noise[100:])], unseen=0.0)
    assert found.power < 0.4
    assert found.value == pytest.approx(truth.mean(), abs=0.02)


def test_labels_without_a_surprise_do_not_end_all_doubt():
    quiet = Stratum.of([0.0] * 20, [0.0] * 20, [0.0] * 180)
    assert ppi_mean([quiet]).se > 0.03
    assert ppi_mean([quiet], unseen=0.0).se == 0.0


def test_as_many_labels_as_said_bring_the_error_down_to_what_was_asked():
    truth, judged, others = labelled(5, 100, 900)
    now = ppi_mean([Stratum.of(truth, judged, others)])
    needed = now.labels_for(0.8 * now.se)
    assert 100 < needed < 1_000
    spread = now.labelling / (1 / 100 - 1 / 1_000)
    assert now.sampling + spread * (1 / needed - 1 / 1_000) <= (0.8 * now.se) ** 2
    assert now.labels_for(1e-6) == 1_000


def test_labels_for_everything_count_as_the_pairs_they_are():
    truth = [1.0] * 9 + [-1.0] * 4 + [0.0] * 187
    counts = ppi_mean([Stratum.of(truth, truth)]).counts()
    assert counts == pytest.approx((9, 4, 200))


def test_missing_labels_count_as_fewer_pairs_with_the_same_gap():
    truth, judged, others = labelled(6, 100, 300)
    found = ppi_mean([Stratum.of(truth, judged, others)])
    lost, won, pairs = found.counts()
    assert 90 < pairs < 400
    assert (lost - won) / pairs == pytest.approx(found.value)


def test_what_cannot_be_corrected_is_refused():
    with pytest.raises(ValueError, match="without labels"):
        ppi_mean([Stratum.of([], [], [1.0])])
    with pytest.raises(ValueError, match="no items"):
        ppi_mean([])
    with pytest.raises(ValueError, match="2 labels beside 1"):
        Stratum.of([1.0, 0.0], [1.0])
