"""Answers in order of risk: by a score of their free signals, or by one with a second opinion.
Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from downroute.records import LinearScore, Purpose
from downroute.routing.signals import PAID
from downroute.study.escalation_score import (
    FEWEST_GAINS,
    FOLDS,
    Learned,
    default_score,
    for_the_money,
    learn,
    score_all,
)
from downroute.study.trial import Array, Bools, Trial

FARTHEST = 1e9
"""Beyond any score."""


@dataclass(frozen=True, slots=True)
class Option:
    """A way to order answers by risk: by the free score, or by a second opinion on all but the
    share ``band`` that the free score finds the least risky. ``plain``: by one signal as it is,
    with nothing learned (a probability that is nearly always 0 or 1 suits no straight line).
    ``thrifty``: by what is won for the money, so that of two answers as risky the one whose
    escalation costs less goes first."""

    purpose: Purpose | None = None
    band: float = 0.0
    plain: bool = False
    thrifty: bool = False


@dataclass(frozen=True, slots=True)
class Ordering:
    """Answers in order of risk, each scored by models that have not seen it. ``risk`` is −inf for
    answers accepted without being asked about, +inf for those a check rejects; ``low`` is the free
    score up to which nothing is asked. ``score``, ``second`` are what would be served."""

    option: Option
    risk: Array
    asked: Bools
    score: LinearScore
    low: float = -FARTHEST
    second: LinearScore | None = None
    served: Array | None = None
    """The risk by what would be served, on the same pairs."""

    def escalated(self, above: float) -> Bools:
        return np.asarray(self.risk > above)


def ordering_of(
    trial: Trial, option: Option, folds: np.ndarray, fewest: float = FEWEST_GAINS
) -> tuple[Ordering, bool] | None:
    """``trial`` in order of risk, and whether the score was learned."""
    enough = int((trial.gain > 0).sum()) >= fewest
    enough = enough and not (option.plain and option.purpose is None)
    free = _score(trial.signals, trial, folds, None, enough=enough)
    if option.thrifty and free is not None:
        free = for_the_money(free, trial.signals, trial.baseline_usd)
    if option.purpose is None:
        if free is None:
            return None
        served = barred(score_all(free.score, trial.signals), trial.failed)
        risk = barred(free.held_out, trial.failed)
        nobody = np.zeros(trial.n, bool)
        return Ordering(option, risk, nobody, free.score, served=served), enough
    signals = with_paid(trial, option.purpose)
    second = _score(signals, trial, folds, PAID[option.purpose], enough=enough and not option.plain)
    if second is None:
        return None
    first = LinearScore(0.0, {}, 0.0) if free is None else free.score
    if free is None or option.band == 0.0:
        low, asked, asked_served = -FARTHEST, np.ones(trial.n, bool), np.ones(trial.n, bool)
    else:
        served_free = score_all(free.score, trial.signals)
        known = free.held_out[np.isfinite(free.held_out)]
        low = float(f"{np.quantile(known if len(known) else served_free, option.band):.6g}")
        asked = free.held_out > low
        asked_served = served_free > low
    risk = np.where(asked, second.held_out, -np.inf)
    served = np.where(asked_served, score_all(second.score, signals), -np.inf)
    return (
        Ordering(
            option,
            barred(risk, trial.failed),
            asked & ~trial.failed,
            first,
            low,
            second.score,
            barred(served, trial.failed),
        ),
        enough,
    )


def _score(
    signals: Mapping[str, Array], trial: Trial, folds: np.ndarray, paid: str | None, *, enough: bool
) -> Learned | None:
    if enough:
        return learn(signals, trial.gain, folds)
    score = default_score(signals, paid)
    return None if score is None else Learned(score, score_all(score, signals))


def folds_of(n: int, seed: int, *, strict: bool = False) -> np.ndarray:
    """Each pair's fold; with ``strict`` −1 for the half that is only fitted on, 0 for the rest."""
    order = np.random.default_rng(seed).permutation(n)
    folds = np.empty(n, dtype=np.int64)
    folds[order] = np.arange(n) % 2 - 1 if strict else np.arange(n) % FOLDS
    return folds


def with_paid(trial: Trial, purpose: Purpose) -> dict[str, Array]:
    return {PAID[purpose]: trial.paid[purpose].values, **trial.signals}


def barred(risk: Array, failed: Bools) -> Array:
    return np.where(failed, np.inf, risk)
