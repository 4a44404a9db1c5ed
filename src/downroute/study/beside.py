"""What a cascade stands beside: a random split of requests, and the best that could be. Pure."""

from __future__ import annotations

import numpy as np

from downroute.stats.fixed_sequence import FRACTIONS, tango_z_many, walk
from downroute.study.look import Rules
from downroute.study.trial import Array, Bools, Trial

LOTS = 9


def random_share(trial: Trial, lot: Array, rules: Rules, z_bound: float) -> float:
    """The share of requests, chosen by ``lot`` (in [0, 1), of shape (n,)), that has to go to the
    baseline straight away, calibrated as a cascade is, with the lot as its score; 1 where no less
    is shown to hold the margin."""
    if trial.binary and trial.weights is None and not rules.relative:
        kept = lot[None, :] >= np.asarray(FRACTIONS)[:, None]
        b = (kept & (trial.baseline > trial.candidate)).sum(axis=1).astype(np.float64)
        c = (kept & (trial.baseline < trial.candidate)).sum(axis=1).astype(np.float64)
        shown = tango_z_many(b, c, trial.n, rules.margin) < z_bound
        passed = walk(lambda k: bool(shown[k]), len(FRACTIONS))
    else:
        passed = walk(
            lambda k: holds(trial, np.asarray(lot < FRACTIONS[k]), rules, z_bound), len(FRACTIONS)
        )
    return float(FRACTIONS[passed - 1]) if passed else 1.0


def random_split(trial: Trial, rules: Rules, z_bound: float) -> tuple[float, Bools]:
    """(share, which of the pairs) that go to the baseline by lot: of several lots, each calibrated
    by itself, the middle one, because one lot alone may be lucky."""
    rng = np.random.default_rng(rules.seed)
    lots = [rng.permutation(trial.n) / trial.n for _ in range(LOTS)]
    shares = [random_share(trial, lot, rules, z_bound) for lot in lots]
    middle = int(np.argsort(shares, kind="stable")[LOTS // 2])
    return shares[middle], np.asarray(lots[middle] < shares[middle])


def random_saving(trial: Trial, share: float) -> float | None:
    """What such a split saves; nothing is asked twice."""
    nobody = np.zeros(trial.n, bool)
    whole = trial.saving(nobody, nobody)
    return None if whole is None else (1.0 - share) * whole


def oracle(trial: Trial, rules: Rules) -> Bools:
    """The fewest escalations that keep the gap of ``trial`` within the margin, by knowing every
    score: where most is won for the money first."""
    lost = trial.gap(np.zeros(trial.n, bool), rules) - rules.margin
    escalated = np.zeros(trial.n, bool)
    if lost <= 0:
        return escalated
    scale = trial.baseline.mean() if rules.relative else 1.0
    worth = trial.gain / np.where(np.isfinite(trial.baseline_usd), trial.baseline_usd, 1.0)
    order = np.argsort(-worth, kind="stable")
    won = np.cumsum(trial.gain[order]) / trial.n / max(float(scale), 1e-12)
    escalated[order[: int(np.searchsorted(won, lost - 1e-12)) + 1]] = True
    return escalated


def holds(trial: Trial, escalated: Bools, rules: Rules, z_bound: float) -> bool:
    """Whether a cascade that escalates ``escalated`` is shown to be within the margin."""
    return trial.served(escalated).interval(-z_bound, rules).high < rules.margin
