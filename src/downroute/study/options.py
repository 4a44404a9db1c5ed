"""Which second opinion, if any, pays: told on a pilot, the first pairs drawn. Pure.

No option is chosen by whether it passes, so that the choice does not spoil the test.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from downroute.records import Purpose
from downroute.stats.noninferiority import tango_z
from downroute.study.escalation_score import FEWEST_GAINS
from downroute.study.ordering import Option, folds_of, ordering_of
from downroute.study.trial import Array, PaidSignal, Trial

PILOT = 0.4
"""The share of pairs on which is told which second opinion to ask for."""
BANDS = (0.0, 0.25, 0.5)
"""Shares of answers accepted by the free score alone, without a second opinion."""
CLEARLY = 0.005
"""By how much more saving a less simple option has to promise."""
SAFELY = -4.0
"""What is accepted without being asked about must be so far within the margin, as z, if the pilot
went on as it is: no second opinion can make good what it never sees."""
AIMS = (0.2, 0.4, 0.6)
"""Shares of the margin that may be used up."""


def pilot_size(trial: Trial) -> int:
    """How many of the first pairs are the pilot."""
    return max(1, round(PILOT * trial.n))


def has_room(trial: Trial, purpose: Purpose, usd: Array, margin: float, seed: int) -> bool:
    """Whether a second opinion that were never wrong would save clearly more than the free signals
    do, were it paid ``usd`` an answer, of shape (n,). Told on the pilot."""
    perfect = PaidSignal("", np.where(trial.gain > 0, 0.0, 1.0), usd, np.full(trial.n, np.nan))
    ideal = replace(trial, paid={purpose: perfect})
    return choose_option(ideal, margin, seed).purpose is purpose


def choose_option(trial: Trial, margin: float, seed: int) -> Option:
    """The option that saves most on the pilot, averaged over a few shares of the margin that
    may be used up. No option is chosen by whether it passes."""
    options = options_of(trial)
    if len(options) == 1:
        return options[0]
    pilot = trial.take(range(pilot_size(trial)))
    folds = folds_of(pilot.n, seed)
    best, promise = options[0], _promise(pilot, options[0], margin, folds)
    for option in options[1:]:
        found = _promise(pilot, option, margin, folds)
        if found > promise + CLEARLY:
            best, promise = option, found
    return best


def options_of(trial: Trial) -> list[Option]:
    """What may be chosen, the simpler first."""
    plain = (False, True)
    return [
        Option(),
        Option(thrifty=True),
        *(Option(p, band, how) for band in BANDS for p in trial.paid for how in plain),
    ]


def _promise(pilot: Trial, option: Option, margin: float, folds: np.ndarray) -> float:
    found = ordering_of(pilot, option, folds, PILOT * FEWEST_GAINS)
    if found is None:
        return 0.0
    ordering = found[0]
    unasked = np.isneginf(ordering.risk)
    b = float(np.maximum(pilot.baseline - pilot.candidate, 0.0)[unasked].sum()) / PILOT
    c = float(np.maximum(pilot.candidate - pilot.baseline, 0.0)[unasked].sum()) / PILOT
    if unasked.any() and tango_z(b, c, pilot.n / PILOT, margin) > SAFELY:
        return 0.0
    order = np.argsort(ordering.risk, kind="stable")
    lost = (pilot.baseline - pilot.candidate)[order]
    # What is left of the gap if all up to here are kept.
    left = np.concatenate([[0.0], np.cumsum(lost)]) / pilot.n
    savings = []
    for aim in AIMS:
        kept = int(np.flatnonzero(left <= aim * margin)[-1])
        escalated = np.ones(pilot.n, bool)
        escalated[order[:kept]] = False
        saving = pilot.saving(escalated, ordering.asked, option.purpose)
        savings.append(0.0 if saving is None else saving)
    return sum(savings) / len(savings)
