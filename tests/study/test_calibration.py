"""Cascades are found, are cheap where a signal tells, and hold the margin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from downroute.records import Attempt, Purpose, Route
from downroute.routing.cascade import Accept, Ask, Limits, escalation_score, next_step
from downroute.stats.sequential import bounds
from downroute.study.calibration import calibrate, route_risk
from downroute.study.escalation_score import MOST_SIGNALS, default_score, score_all
from downroute.study.look import Rules
from downroute.study.ordering import Option
from downroute.study.trial import Trial

Make = Callable[..., Trial]
RULES = Rules(0.05, 0.05, (100, 200, 300, 400, 500))

Z = bounds(RULES.schedule, 500, 0.05)[-1]


def test_a_telling_signal_saves_more_than_a_weak_one(made_up: Make) -> None:
    strong = calibrate(made_up(500, telling=3.0), RULES, Z)
    weak = calibrate(made_up(500, telling=0.3), RULES, Z)
    assert strong is not None
    assert weak is not None
    assert (strong.saving() or 0) > (weak.saving() or 0) + 0.2


def test_the_points_that_pass_come_first_and_the_last_of_them_is_used(made_up: Make) -> None:
    found = calibrate(made_up(500), RULES, Z)
    assert found is not None
    passed = [p.passed for p in found.points]
    assert passed == sorted(passed, reverse=True)
    assert found.chosen == sum(passed) - 1


def test_the_score_has_no_more_than_fifteen_signals_and_each_can_be_imputed(made_up: Make) -> None:
    found = calibrate(made_up(500, noise=40), RULES, Z)
    assert found is not None
    score = found.ordering.score
    assert len(score.weights) <= MOST_SIGNALS
    assert "words_out" in score.weights


@pytest.mark.parametrize("paid", [None, 3.0])
def test_what_is_simulated_is_what_next_step_does(made_up: Make, paid: float | None) -> None:
    trial = made_up(400, telling=1.0, paid_telling=paid)
    missing = np.random.default_rng(5).random(400) < 0.1
    trial.signals["words_out"][missing] = np.nan  # type: ignore[index]
    trial.failed[::17] = True
    found = calibrate(trial, RULES, Z)
    assert found is not None
    route = found.route("task", "candidate", "baseline")
    assert (route.second is None) == (paid is None)

    escalated, asked = route_risk(route, trial)

    stepped = [followed(route, trial, i) for i in range(trial.n)]
    assert escalated.tolist() == [s[0] for s in stepped]
    assert asked.tolist() == [s[1] for s in stepped]


def followed(route: Route, trial: Trial, i: int) -> tuple[bool, bool]:
    """(escalated, asked) of one answer, by the function that serves."""
    signals = {n: None if np.isnan(v[i]) else float(v[i]) for n, v in trial.signals.items()}
    checks = {"json_schema": not trial.failed[i]}
    first = Attempt("candidate", checks=checks, signals=signals)
    assert route.escalate is not None
    attempts = [
        Attempt(
            "candidate", checks=checks, signals=signals,
            score=escalation_score(route.escalate, first),
        )
    ]  # fmt: skip
    step = next_step(route, attempts, Limits())
    asked = isinstance(step, Ask) and step.purpose is not Purpose.ANSWER
    if asked:
        assert route.second is not None
        value = float(trial.paid[Purpose.HELPER].values[i])
        both = {**signals, "agreement": value}
        opinion = Attempt("helper", Purpose.HELPER, signals=both)
        score = escalation_score(route.second.score, opinion)
        attempts.append(Attempt("helper", Purpose.HELPER, signals=both, score=score))
        step = next_step(route, attempts, Limits())
    return not isinstance(step, Accept), asked


def test_a_second_opinion_is_bought_only_where_it_pays(made_up: Make) -> None:
    useless = calibrate(made_up(500, telling=1.0, paid_telling=0.0), RULES, Z)
    useful = calibrate(made_up(500, telling=0.5, paid_telling=4.0), RULES, Z)
    assert useless is not None
    assert useful is not None
    assert useless.ordering.option.purpose is None
    assert useful.ordering.option.purpose is Purpose.HELPER


def test_with_few_gains_the_first_signal_there_is_decides(made_up: Make) -> None:
    trial = made_up(300, gain=0.02, loss=0.0)
    found = calibrate(trial, RULES, Z)
    assert found is None or not found.learned
    logprobs = {"mean_logprob": np.array([-1.0, -0.1, np.nan]), "checks_passed": np.ones(3)}
    score = default_score(logprobs)
    assert score is not None
    assert dict(score.weights) == {"mean_logprob": -1.0}
    assert score_all(score, logprobs).tolist() == [1.0, 0.1, 1.0]


def test_strict_calibrates_on_pairs_nothing_was_fitted_on(made_up: Make) -> None:
    found = calibrate(made_up(600), RULES, Z, strict=True)
    assert found is not None
    assert found.trial.n == 300
    assert found.chosen is not None


def test_graded_scores_are_calibrated_by_their_bounds(made_up: Make) -> None:
    trial = made_up(300, telling=3.0)
    graded = Trial(
        trial.pairs, 0.9 * trial.baseline, 0.9 * trial.candidate, trial.baseline_usd,
        trial.candidate_usd, trial.baseline_s, trial.candidate_s, trial.signals, trial.failed,
    )  # fmt: skip
    found = calibrate(graded, RULES, Z)
    assert found is not None
    assert (found.saving() or 0) > 0.5


def test_of_cascades_shown_at_most_one_in_twenty_is_too_bad(made_up: Make) -> None:
    """Useless signals, a candidate 8 points worse: whatever share is kept is chosen by lot."""
    truth = made_up(20_000, seed=99, gain=0.11, loss=0.03, telling=0.0)
    rng = np.random.default_rng(0)
    bad = 0
    for _ in range(150):
        found = calibrate(truth.take(rng.choice(truth.n, 500, replace=False)), RULES, Z)
        if found is None or found.point is None:
            continue
        escalated, _ = route_risk(found.route("t", "candidate", "baseline"), truth)
        bad += truth.gap(escalated, RULES) > RULES.margin
    # 5 % of 150 and three standard errors.
    assert bad <= 7.5 + 3 * 2.7


def test_where_prices_vary_what_is_won_for_the_money_goes_first(made_up: Make) -> None:
    rng = np.random.default_rng(11)
    trial = made_up(500, gain=0.1, telling=0.6, noise=20)
    length = rng.normal(5.0, 0.8, trial.n)
    trial = replace(
        trial,
        signals={**trial.signals, "log_words_in": length, "log_words_out": length * 0.0 + 1.0},
        baseline_usd=np.exp(length + rng.normal(0.0, 0.1, trial.n)),
        candidate_usd=0.05 * np.exp(length),
    )
    found = calibrate(trial, RULES, Z)
    plain = calibrate(trial, RULES, Z, option=Option())
    assert found is not None
    assert plain is not None
    assert found.ordering.option.thrifty
    assert (found.saving() or 0) > (plain.saving() or 0) + 0.05
    # The longer a request, the dearer its escalation: it goes later.
    assert found.ordering.score.weights["log_words_in"] < 0
    assert len(found.ordering.score.weights) <= MOST_SIGNALS
    route = found.route("task", "candidate", "baseline")
    assert abs(route_risk(route, trial)[0].mean() - found.escalated().mean()) < 0.1


def test_where_all_cost_the_same_nothing_changes(made_up: Make) -> None:
    found = calibrate(made_up(500), RULES, Z)
    assert found is not None
    assert found.ordering.option == Option()
