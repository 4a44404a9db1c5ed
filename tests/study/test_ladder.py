"""Ladders of two cheap models under the top one: what they serve, save, and hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from downroute.records import Attempt
from downroute.routing.cascade import Accept, Ask, Limits, escalation_score, next_step
from downroute.stats.sequential import bounds
from downroute.study.calibration import calibrate
from downroute.study.ladder import Rung, Rungs, calibrate_ladder, choose_ladder, climbed
from downroute.study.ladder_report import ladder_report
from downroute.study.look import Rules
from downroute.study.ordering import Option
from downroute.study.pairs import Pair
from downroute.study.trial import Trial

Make = Callable[..., Trial]
RULES = Rules(0.05, 0.05, (100, 200, 300, 400, 500))
Z = bounds(RULES.schedule, 500, 0.05)[-1]


def rungs_of(made_up: Make, n: int, seed: int, *, gains: tuple[float, float]) -> Rungs:
    """Two models on the same requests: the second costs five times the first and is asked where
    the first one's signal warns."""
    first = made_up(n, seed, gain=gains[0], loss=0.02, telling=2.5)
    rng = np.random.default_rng(seed + 1000)
    wrong = (rng.random(n) < gains[1] / first.baseline.mean()) & (first.baseline == 1.0)
    candidate = np.where(wrong, 0.0, first.baseline)
    signals = {name: rng.normal(size=n) for name in first.signals}
    signals["words_out"] = rng.normal(size=n) + 2.5 * wrong
    pairs = tuple(
        Pair(str(i), str(i), float(b - c), float(b), float(c))
        for i, (b, c) in enumerate(zip(first.baseline, candidate, strict=True))
    )
    second = replace(
        first,
        pairs=pairs,
        candidate=candidate,
        candidate_usd=np.full(n, 0.2),
        signals=signals,
    )
    return Rung("small", replace(first, candidate_usd=np.full(n, 0.04))), Rung("middle", second)


def test_a_ladder_saves_more_than_two_models_where_a_middle_one_is_nearly_as_good(
    made_up: Make,
) -> None:
    rungs = rungs_of(made_up, 500, 3, gains=(0.3, 0.03))
    found = calibrate_ladder(rungs, Option(), RULES, Z, seed=0)
    assert found is not None and found.point is not None
    served = found.served()
    nobody = np.zeros(served.n, bool)
    savings = [c.saving() or 0 for r in rungs if (c := calibrate(r.trial, RULES, Z)) is not None]
    assert (served.saving(nobody, nobody) or 0) > max(savings) + 0.02
    assert served.served(nobody).interval(-Z, RULES).high < RULES.margin


def test_what_the_ladder_serves_is_what_next_step_does(made_up: Make) -> None:
    rungs = rungs_of(made_up, 400, 5, gains=(0.25, 0.06))
    rungs[0].trial.failed[::11] = True
    found = calibrate_ladder(rungs, Option(), RULES, Z, seed=0)
    assert found is not None and found.point is not None
    route = found.route("task", "large")
    assert route.models == ("small", "middle", "large")
    risk = np.concatenate(
        [
            [_score(route, rung.trial, i) if not rung.trial.failed[i] else np.inf
             for i in range(400)]
            for rung in rungs
        ]
    )  # fmt: skip
    for i in range(400):
        attempts: list[Attempt] = []
        while isinstance(step := next_step(route, attempts, Limits()), Ask):
            place = len(attempts)
            if place == 2:
                attempts.append(Attempt("large"))
                continue
            trial = rungs[place].trial
            attempts.append(
                Attempt(
                    rungs[place].model,
                    checks={"json_schema": not trial.failed[i]},
                    score=_score(route, trial, i),
                )
            )
        assert isinstance(step, Accept)
        passing = [k for k in range(2) if risk[k * 400 + i] <= route.escalate.above]  # type: ignore[union-attr]
        assert attempts[step.attempt].model == ("small", "middle", "large")[min([*passing, 2])]


def _score(route, trial: Trial, i: int) -> float | None:  # type: ignore[no-untyped-def]
    signals = {name: float(values[i]) for name, values in trial.signals.items()}
    return escalation_score(route.escalate, Attempt("m", signals=signals))


def test_everybody_asked_is_paid_for_and_waited_for(made_up: Make) -> None:
    rungs = rungs_of(made_up, 3, 1, gains=(0.1, 0.1))
    timed = tuple(
        Rung(r.model, replace(r.trial, candidate_s=np.full(3, s), baseline_s=np.full(3, 4.0)))
        for r, s in zip(rungs, (1.0, 2.0), strict=True)
    )
    served = climbed(timed, np.array([0, 1, 2]))
    assert served.candidate_usd == pytest.approx([0.04, 0.24, 1.24])
    assert served.candidate_s == pytest.approx([1.0, 3.0, 7.0])
    assert served.candidate[2] == rungs[0].trial.baseline[2]
    assert served.candidate[1] == rungs[1].trial.candidate[1]


def test_the_report_says_who_answers_how_much(made_up: Make) -> None:
    rungs = rungs_of(made_up, 500, 3, gains=(0.3, 0.03))
    found = calibrate_ladder(rungs, Option(), RULES, Z, seed=0)
    assert found is not None
    told = ladder_report(found, RULES, Z, found.route("task", "large"))
    assert sum(told.answered) == pytest.approx(1.0)
    assert told.point.escalation == pytest.approx(1.0 - told.answered[0])
    assert told.point in told.curve
    assert told.random_split.saving is not None
    assert told.point.saving is not None and told.point.saving > told.random_split.saving


def test_of_several_ladders_the_one_that_promises_most_is_tested(made_up: Make) -> None:
    good = rungs_of(made_up, 500, 3, gains=(0.3, 0.03))
    bad = rungs_of(made_up, 500, 4, gains=(0.3, 0.29))
    picked = choose_ladder([bad, good], RULES.margin, 0)
    assert picked is not None
    assert picked[0] is good


def test_a_ladder_at_the_margin_is_seldom_too_bad(made_up: Make) -> None:
    """Judged on requests it was not calibrated on; more repetitions in benchmarks/ladders.py."""
    whole = rungs_of(made_up, 8000, 9, gains=(0.2, 0.1))
    rng = np.random.default_rng(0)
    bad = 0
    for _ in range(15):
        places = rng.permutation(8000)[:500]
        sample = tuple(Rung(r.model, r.trial.take(places)) for r in whole)
        found = calibrate_ladder(sample, Option(), RULES, Z, seed=0)
        if found is None or found.point is None:
            continue
        score = found.route("t", "l").escalate
        assert score is not None
        bad += _true_gap(whole, score) > RULES.margin
    assert bad <= 2


def _true_gap(whole: Rungs, score) -> float:  # type: ignore[no-untyped-def]
    from downroute.study.escalation_score import score_all
    from downroute.study.ladder import reached

    risk = np.concatenate([score_all(score, r.trial.signals) for r in whole])
    served = climbed(whole, reached(whole, risk, score.above))
    return float((served.baseline - served.candidate).mean())
