"""AUROC and what a detector finds, against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from downroute.stats.detector import auroc, graded


def test_auroc_with_ties_is_scikit_learns() -> None:
    rng = np.random.default_rng(3)
    risk = rng.integers(0, 6, 300).astype(float)
    wrong = rng.random(300) < 0.1 + 0.1 * risk
    assert auroc(risk, wrong) == pytest.approx(roc_auc_score(wrong, risk))


def test_with_one_kind_of_answers_only_there_is_no_auroc() -> None:
    assert auroc(np.arange(4.0), np.zeros(4, bool)) is None


def test_recall_and_false_alarms_are_shares_of_the_wrong_and_of_the_right() -> None:
    risk = np.array([0.9, 0.8, 0.7, 0.1, 0.0])
    wrong = np.array([True, False, True, True, False])
    found = graded(risk, wrong, risk > 0.6)
    assert found.recall == pytest.approx(2 / 3)
    assert found.false_alarms == pytest.approx(1 / 2)
    assert found.flagged == pytest.approx(3 / 5)
