"""L2 logistic regression against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from downroute.stats.logistic import fit, log_loss


@pytest.mark.parametrize("penalty", [0.3, 5.0, 60.0])
def test_the_fit_is_scikit_learns(penalty: float) -> None:
    rng = np.random.default_rng(1)
    columns = rng.normal(size=(400, 6))
    target = (rng.random(400) < 1 / (1 + np.exp(2 - columns[:, 0] + 0.5 * columns[:, 1]))) * 1.0
    theirs = LogisticRegression(C=1 / penalty, tol=1e-10, max_iter=10_000).fit(columns, target)

    ours = fit(columns, target, penalty)

    assert ours[0] == pytest.approx(theirs.intercept_[0], abs=1e-4)
    assert ours[1:] == pytest.approx(theirs.coef_[0], abs=1e-4)


def test_perfect_separation_still_ends_in_finite_coefficients() -> None:
    columns = np.linspace(-1, 1, 60)[:, None]
    found = fit(columns, (columns[:, 0] > 0) * 1.0, 1.0)
    assert np.isfinite(found).all()
    assert found[1] > 1


def test_a_target_of_nothing_gives_a_low_chance_everywhere() -> None:
    found = fit(np.ones((50, 1)) * np.arange(50)[:, None], np.zeros(50), 1.0)
    assert found[0] < -3


def test_log_loss_of_certain_and_right_is_nothing() -> None:
    assert log_loss(np.array([30.0, -30.0]), np.array([1.0, 0.0])) == pytest.approx(0.0, abs=1e-9)
