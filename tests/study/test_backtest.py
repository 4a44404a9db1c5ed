"""The decision repeated where the truth is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from downroute.study.backtest import RULES, Experiment, reachable, repetitions, rules_of, summary
from downroute.study.beside import oracle
from downroute.study.trial import Trial

Make = Callable[..., Trial]


def experiment(made_up: Make, **facts: float) -> Experiment:
    trial = made_up(2000, seed=7, **facts)
    return Experiment(trial, trial.baseline != trial.candidate, 500, 20)


@pytest.fixture(scope="module")
def told(made_up: Make) -> dict[str, dict[str, float]]:
    asked = experiment(made_up, gain=0.13, loss=0.05, telling=2.5)
    return summary(asked, list(repetitions(asked)))  # type: ignore[return-value]


def test_every_rule_tells_shares_that_add_up(told: dict[str, dict[str, float]]) -> None:
    assert list(told) == list(RULES)
    for found in told.values():
        assert sum(found[o] for o in ("route", "cascade", "keep", "inconclusive")) == (
            pytest.approx(1.0)
        )


def test_the_whole_study_saves_more_than_chance_and_less_than_the_truth(
    told: dict[str, dict[str, float]],
) -> None:
    saved = {rule: told[rule]["net_saving"] for rule in RULES}
    assert saved["random_mix"] < saved["study"] < saved["oracle"] < saved["always_candidate"]
    assert saved["always_baseline"] == 0.0


def test_always_the_candidate_is_a_violation_where_it_is_worse(
    told: dict[str, dict[str, float]],
) -> None:
    assert told["always_candidate"]["violations"] == 1.0
    assert told["oracle"]["violations"] == 0.0
    assert told["study"]["violations"] <= 0.15


def test_a_good_candidate_is_routed_with_fewer_pairs_and_grades(made_up: Make) -> None:
    asked = experiment(made_up, gain=0.02, loss=0.02)
    found = summary(asked, list(repetitions(asked)))
    study: dict[str, float] = found["study"]  # type: ignore[assignment]
    assert study["route"] > 0.8
    assert study["mean_pairs"] < 500
    assert study["mean_graded"] < 0.1 * study["mean_pairs"]


def test_the_oracle_escalates_no_more_than_the_gap_asks_for(made_up: Make) -> None:
    asked = experiment(made_up, gain=0.13, loss=0.05)
    escalated = oracle(asked.trial, rules_of(asked, asked.trial.n))
    lost = float(np.where(escalated, 0.0, asked.trial.baseline - asked.trial.candidate).mean())
    assert 0.05 - 1 / asked.trial.n <= lost <= 0.05 + 1e-9


def test_nothing_reaches_further_than_the_best_score_in_sample(made_up: Make) -> None:
    asked = experiment(made_up, gain=0.13, loss=0.05, telling=2.5)
    best = reachable(asked)
    assert best is not None
    assert 0.5 < (best["net_saving"] or 0) <= 0.94
