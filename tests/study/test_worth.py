"""A cascade is offered only where it saves enough, and more than a lot would."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from downroute.stats.sequential import bounds
from downroute.study.beside import random_saving, random_split
from downroute.study.calibration import calibrate
from downroute.study.look import Rules
from downroute.study.trial import Trial
from downroute.study.worth import why_not

Make = Callable[..., Trial]
RULES = Rules(0.05, 0.05, (100, 200, 300, 400, 500))
Z = bounds(RULES.schedule, 500, 0.05)[-1]


def test_a_cascade_whose_signal_tells_is_offered(made_up: Make) -> None:
    trial = made_up(500, telling=3.0)
    assert why_not(trial, calibrate(trial, RULES, Z), RULES, Z) is None


def test_one_that_saves_less_than_a_random_split_is_not(made_up: Make) -> None:
    trial = made_up(500, gain=0.06, loss=0.02, telling=0.0)
    # Where what is escalated is dear, too, a cascade pays twice for the dearest requests.
    trial.baseline_usd[:] = np.exp(np.argsort(np.argsort(trial.signals["words_out"])) / 100.0)
    trial.candidate_usd[:] = 0.2 * trial.baseline_usd
    found = calibrate(trial, RULES, Z)
    assert found is not None
    saving = found.saving()
    split = random_saving(trial, random_split(trial, RULES, Z)[0])
    assert saving is not None
    assert split is not None
    assert 0.1 <= saving < split
    why = why_not(trial, found, RULES, Z)
    assert why is not None
    assert "random split" in why
    assert f"{split:.0%}" in why
    assert why_not(trial, found, RULES, Z, wanted=True) is None


def test_the_random_split_does_not_hang_on_one_lucky_lot(made_up: Make) -> None:
    trial = made_up(500, gain=0.08, loss=0.02)
    shares = {
        random_split(trial, Rules(0.05, 0.05, RULES.schedule, seed=seed), Z)[0]
        for seed in range(20)
    }
    assert max(shares) - min(shares) <= 0.2
    share, chosen = random_split(trial, RULES, Z)
    assert abs(chosen.mean() - share) <= 1 / trial.n
    assert trial.served(chosen).interval(-Z, RULES).high < RULES.margin


def test_a_candidate_that_costs_as_much_is_the_reason_why_not(made_up: Make) -> None:
    trial = made_up(200)
    trial.candidate_usd[:] = 0.95
    assert "costs 95% of the baseline" in str(why_not(trial, None, RULES, Z))
    trial.candidate_usd[:] = np.nan
    assert "no signal" in str(why_not(trial, None, RULES, Z))
