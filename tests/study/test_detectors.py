"""Checks and signals are graded as what they are: detectors of answers that would gain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from downroute.records import CheckSpec, LinearScore, Route
from downroute.study.detectors import grade_detectors, paying_checks, rejecting
from downroute.study.trial import Trial

Make = Callable[..., Trial]


def with_check(trial: Trial, name: str, failed: np.ndarray) -> Trial:
    signals = {**trial.signals, f"check:{name}": 1.0 - failed.astype(float)}
    for other in ("not_empty", "not_refusal", "not_truncated"):
        signals.setdefault(f"check:{other}", np.ones(trial.n))
    return replace(trial, signals=signals)


def test_a_check_is_graded_by_what_it_catches_and_what_it_flags_in_vain(made_up: Make) -> None:
    trial = made_up(400)
    gain = trial.gain > 0
    failed = gain.copy()
    failed[np.flatnonzero(gain)[::2]] = False
    failed[np.flatnonzero(~gain)[:20]] = True
    found = grade_detectors(with_check(trial, "not_refusal", failed), 0.1, None)
    (check,) = [g for g in found if g.name == "not_refusal"]
    assert check.recall == pytest.approx((failed & gain).sum() / gain.sum())
    assert check.false_alarms == pytest.approx(20 / (~gain).sum())
    assert check.flagged == pytest.approx(failed.mean())
    assert (check.cost_usd, check.serves, check.applies) == (0.0, False, 1.0)


def test_a_signal_flags_as_many_as_the_cascade_escalates(made_up: Make) -> None:
    trial = made_up(400, telling=3.0)
    route = Route("t", ("s", "l"), "l", escalate=LinearScore(0.0, {"words_out": 1.0}, 0.0))
    found = grade_detectors(trial, 0.25, route)
    (told,) = [g for g in found if g.name == "words_out"]
    assert told.flagged == pytest.approx(0.25)
    assert told.auroc is not None and told.auroc > 0.8
    assert told.recall is not None and told.recall > 0.25
    assert told.serves
    assert not any(g.serves for g in found if g.name != "words_out" and g.kind == "signal")


def test_a_check_that_pays_on_the_pilot_is_added_and_one_that_does_not_is_left_out(
    made_up: Make,
) -> None:
    trial = made_up(500, gain=0.2, loss=0.05)
    gain = trial.gain > 0
    useful = with_check(trial, "not_truncated", gain & (np.arange(500) % 2 == 0))
    useless = with_check(trial, "not_truncated", ~gain & (np.arange(500) % 9 == 0))
    rare = with_check(trial, "not_truncated", np.arange(500) == np.flatnonzero(gain)[0])
    assert paying_checks(useful) == (CheckSpec("not_truncated"),)
    assert paying_checks(useless) == paying_checks(rare) == ()
    rejected = rejecting(useful, paying_checks(useful))
    assert (rejected.failed == (useful.signals["check:not_truncated"] == 0)).all()
    assert not useful.failed.any()


def test_what_comes_after_the_pilot_does_not_choose_checks(made_up: Make) -> None:
    trial = made_up(500, gain=0.2, loss=0.05)
    late = (np.arange(500) >= 200) & (trial.gain > 0)
    assert paying_checks(with_check(trial, "not_empty", late)) == ()
