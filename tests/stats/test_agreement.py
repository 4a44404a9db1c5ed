import math
import random
import warnings

import numpy as np
import pytest
from statsmodels.stats.inter_rater import cohens_kappa

from downroute.stats.agreement import cohen_kappa, krippendorff_alpha, raw_agreement


def units(*graders):
    """One row of labels a grader, "." where it gave none."""
    return [
        {str(i): label for i, label in enumerate(column) if label != "."}
        for column in zip(*graders, strict=True)
    ]


def test_krippendorff_s_binary_example_of_two_observers():
    # Krippendorff 2011, example A. By hand: of 20 labels 6 are ones, 4 of 10 units differ, so
    # alpha = 1 - 19·4 / (14·6).
    data = units("0100000000", "1110010010")
    assert krippendorff_alpha(data) == pytest.approx(1 - 19 * 4 / (14 * 6))
    assert raw_agreement(data) == 0.6


@pytest.mark.parametrize(
    ("graders", "alpha"),
    [
        # Krippendorff 2011, example C: four observers, 12 units.
        (("123321412...", "1233224125.3", ".3332342251.", "12332441251."), 0.743),
        # The worked example of three coders and 15 units, two of which nobody labelled twice.
        ((".....34121133.3", "1.213343.......", "..21344.21133.4"), 0.691),
    ],
)
def test_published_examples_with_missing_labels(graders, alpha):
    assert krippendorff_alpha(units(*graders)) == pytest.approx(alpha, abs=5e-4)


@pytest.mark.parametrize("seed", range(20))
def test_kappa_is_that_of_statsmodels(seed):
    chance = random.Random(seed)
    labels = ["a", "b", "both", "neither"]
    pairs = [(chance.choice(labels), None) for _ in range(chance.randint(5, 60))]
    pairs = [(a, a if chance.random() < 0.5 else chance.choice(labels)) for a, _ in pairs]
    table = np.zeros((4, 4))
    for a, b in pairs:
        table[labels.index(a), labels.index(b)] += 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = cohens_kappa(table, return_results=False)
    assert cohen_kappa(pairs) == pytest.approx(theirs) or math.isnan(theirs)


def test_alpha_of_two_complete_graders_nears_kappa_with_pooled_frequencies():
    # Scott's pi with the small-sample correction: alpha = 1 - (1 - pi)(1 - 1/2n).
    chance = random.Random(3)
    pairs = [(chance.choice("abc"), chance.choice("aabc")) for _ in range(50)]
    pooled = [label for pair in pairs for label in pair]
    expected = sum((pooled.count(x) / 100) ** 2 for x in "abc")
    observed = sum(a == b for a, b in pairs) / 50
    pi = (observed - expected) / (1 - expected)
    alpha = krippendorff_alpha({"0": a, "1": b} for a, b in pairs)
    assert alpha == pytest.approx(1 - (1 - pi) * (1 - 1 / 100))


def test_agreement_that_could_not_fail_is_not_claimed():
    assert cohen_kappa([]) is None and cohen_kappa([("a", "a")] * 5) is None
    assert krippendorff_alpha([{"0": "a", "1": "a"}] * 5) is None
    assert krippendorff_alpha([{"0": "a"}, {"1": "b"}]) is None
    assert raw_agreement([{"0": "a"}]) is None and raw_agreement([]) is None
