"""A readable score of how much an answer gains by being escalated, learned from measured pairs.

L2 logistic regression of the *gain* (the baseline right, the candidate wrong) on at most 15 named
signals. How many signals the data support differs: a sure label needs one, a long derivation many.
So a few models of different size are fitted and averaged, each weighted by how well it predicts
pairs it has not seen (stacking, Yao et al. 2018); an average of linear scores is one again. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from downroute.records import LinearScore
from downroute.routing.cascade import MISSING
from downroute.stats.logistic import fit, log_loss

Array = NDArray[np.float64]
Labels = NDArray[np.int64]

MOST_SIGNALS = 15
FEWEST_GAINS = 20
"""With fewer gains than this nothing is learned; see `default_score`."""
FOLDS = 5
SIZES = ((1, 1.0), (3, 3.0), (8, 8.0), (15, 15.0), (15, 60.0))
"""Signals and penalty of the models averaged: more signals, held tighter."""
RARE = 0.01
"""A signal that is missing in fewer (or present in fewer) has no indicator of its own."""
LENGTHS = ("log_words_in", "log_words_out")
"""What the price of an answer goes with."""
FEWEST_PRICED = 50
"""Answers below which nothing is told of what a price goes with."""
DIGITS = 4
NEGLIGIBLE = 1e-3
"""A signal whose weight, in standard deviations of its own, is this small a share of the largest
is left out: people read the score."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Signals as standardised columns, indicators of missing ones among them. ``values`` of shape
    (n, p); ``centre`` and ``spread`` as they were. Nothing here depends on a label."""

    names: tuple[str, ...]
    values: Array
    centre: Array
    spread: Array
    impute: Mapping[str, float]


def columns(signals: Mapping[str, Array]) -> Columns:
    """Those of ``signals`` that vary, missing values imputed by the mean."""
    names: list[str] = []
    found: list[Array] = []
    impute: dict[str, float] = {}
    for name, values in signals.items():
        missing = ~np.isfinite(values)
        if missing.all():
            continue
        mean = _rounded(float(values[~missing].mean()))
        filled = np.where(missing, mean, values)
        if filled.std() > 1e-9 * (1.0 + abs(mean)):
            names.append(name)
            found.append(filled)
            impute[name] = mean
        if RARE <= missing.mean() <= 1.0 - RARE:
            names.append(name + MISSING)
            found.append(missing.astype(np.float64))
            impute[name] = mean
    matrix = np.column_stack(found) if found else np.empty((_length(signals), 0))
    centre, spread = matrix.mean(axis=0), matrix.std(axis=0)
    return Columns(tuple(names), (matrix - centre) / spread, centre, spread, impute)


@dataclass(frozen=True, slots=True)
class Learned:
    """``score`` as it is served (its ``above`` still open); ``held_out`` of shape (n,): each
    pair's score by models that have not seen it, NaN where there is none."""

    score: LinearScore
    held_out: Array


def learn(signals: Mapping[str, Array], gain: Array, folds: Labels) -> Learned | None:
    """The score fitted on all pairs, and each fold's scores by models fitted on the others.

    ``folds`` gives each pair's fold, −1 = used for fitting only. ``None`` where no signal varies.
    """
    made = columns(signals)
    if not made.names:
        return None
    held_out = np.full((len(SIZES), len(gain)), np.nan)
    for fold in range(int(folds.max()) + 1):
        test = folds == fold
        slopes = _models(made.values[~test], gain[~test])
        held_out[:, test] = slopes[:, :1] + slopes[:, 1:] @ made.values[test].T
    seen = folds >= 0
    losses = np.array([log_loss(scores[seen], gain[seen]) for scores in held_out])
    shares = np.exp(losses.min() - losses)
    shares /= shares.sum()
    fitting = np.ones(len(gain), bool) if seen.all() else ~seen
    slopes = shares @ _models(made.values[fitting], gain[fitting])
    return Learned(_linear(made, slopes), shares @ held_out)


def for_the_money(found: Learned, signals: Mapping[str, Array], usd: Array) -> Learned:
    """``found`` less the logarithm of what escalating costs, as far as the lengths of request and
    answer tell it: what is won for the money, a linear score again. ``usd`` of shape (n,) is the
    baseline's price of each answer, NaN = not known. It looks at no label."""
    lengths = [n for n in LENGTHS if n in signals and np.isfinite(signals[n]).all()]
    priced = np.isfinite(usd) & (usd > 0.0)
    if not lengths or priced.sum() < FEWEST_PRICED:
        return found
    matrix = np.column_stack([np.ones(len(usd)), *(signals[n] for n in lengths)])
    slopes = np.linalg.lstsq(matrix[priced], np.log(usd[priced]), rcond=None)[0]
    weights = dict(found.score.weights)
    for name, slope in zip(lengths, slopes[1:], strict=True):
        weights[name] = _rounded(weights.get(name, 0.0) - float(slope))
    intercept = _rounded(found.score.intercept - float(slopes[0]))
    score = replace(found.score, intercept=intercept, weights=weights)
    return Learned(_shortened(score, signals), found.held_out - matrix @ slopes)


def _shortened(score: LinearScore, signals: Mapping[str, Array]) -> LinearScore:
    """``score`` with its `MOST_SIGNALS` weightiest terms; one left out counts as its mean."""
    terms = {name: weight * _column(score, signals, name) for name, weight in score.weights.items()}
    ranked = sorted(terms, key=lambda name: -float(np.nan_to_num(terms[name].std(), nan=np.inf)))
    left_out = ranked[MOST_SIGNALS:]
    intercept = score.intercept + sum(float(terms[name].mean()) for name in left_out)
    weights = {name: w for name, w in score.weights.items() if name not in left_out}
    plain = {name.removesuffix(MISSING) for name in weights}
    impute = {name: value for name, value in score.impute.items() if name in plain}
    return replace(score, intercept=_rounded(intercept), weights=weights, impute=impute)


def default_score(signals: Mapping[str, Array], paid: str | None = None) -> LinearScore | None:
    """What to go by where there are too few gains to learn from: the first signal there is of
    logprob, self-check, agreement, share of checks passed, and at last the answer's length."""
    wanted = ("mean_logprob", "self_check", "agreement", "checks_passed", "log_words_out")
    for name in (paid, *wanted) if paid else wanted:
        values = signals.get(name)
        if values is None or np.isfinite(values).mean() < 0.5:
            continue
        known = values[np.isfinite(values)]
        if known.std() > 1e-9:
            sign = 1.0 if name == "log_words_out" else -1.0
            # A missing signal counts like the worst there is.
            worst = float(known.max() if sign > 0 else known.min())
            return LinearScore(0.0, {name: sign}, 0.0, {name: _rounded(worst)})
    return None


def score_all(score: LinearScore, signals: Mapping[str, Array]) -> Array:
    """`routing.cascade.escalation_score` of many answers at once; NaN = not known."""
    total = np.full(_length(signals), score.intercept)
    for name, weight in score.weights.items():
        total = total + weight * _column(score, signals, name)
    return total


def _column(score: LinearScore, signals: Mapping[str, Array], name: str) -> Array:
    """The signal or indicator ``name`` as ``score`` reads it; NaN = not known."""
    values = signals.get(name)
    if values is None and name.endswith(MISSING):
        values = (~np.isfinite(signals[name.removesuffix(MISSING)])).astype(np.float64)
    elif values is None:
        values = np.full(_length(signals), np.nan)
    if name in score.impute:
        values = np.where(np.isfinite(values), values, score.impute[name])
    return values


def _models(matrix: Array, gain: Array) -> Array:
    """Each size's intercept and slopes, of shape (len(SIZES), p + 1)."""
    order = _forward(matrix, gain)
    found = np.zeros((len(SIZES), matrix.shape[1] + 1))
    for k, (size, penalty) in enumerate(SIZES):
        used = order[:size]
        fitted = fit(matrix[:, used], gain, penalty)
        found[k, 0] = fitted[0]
        found[k, 1 + used] = fitted[1:]
    return found


def _forward(matrix: Array, gain: Array) -> Labels:
    """The columns in the order of forward selection: each next one explains most of what those
    before it leave (orthogonal matching pursuit on the residual)."""
    left = matrix - matrix.mean(axis=0)
    residual = gain - gain.mean()
    chosen: list[int] = []
    least = 1e-3 * np.sqrt(len(gain))
    for _ in range(min(MOST_SIGNALS, matrix.shape[1])):
        norms = np.sqrt((left**2).sum(axis=0))
        usable = norms > least
        usable[chosen] = False
        if not usable.any():
            break
        worth = np.where(usable, np.abs(left.T @ residual) / np.where(usable, norms, 1.0), -1.0)
        best = int(np.argmax(worth))
        chosen.append(best)
        axis = left[:, best] / norms[best]
        residual = residual - axis * (axis @ residual)
        left = left - np.outer(axis, axis @ left)
    return np.asarray(chosen, dtype=np.int64)


def _linear(made: Columns, slopes: Array) -> LinearScore:
    raw = slopes[1:] / made.spread
    least = NEGLIGIBLE * np.abs(slopes[1:]).max(initial=0.0)
    used = [j for j in np.argsort(-np.abs(slopes[1:])) if abs(slopes[1 + j]) > least][:MOST_SIGNALS]
    weights = {made.names[j]: _rounded(float(raw[j])) for j in used}
    # A signal left out counts as its mean.
    intercept = float(slopes[0] - (raw * made.centre)[used].sum())
    plain = {name.removesuffix(MISSING) for name in weights}
    impute = {name: value for name, value in made.impute.items() if name in plain}
    return LinearScore(_rounded(intercept), weights, 0.0, impute)


def _rounded(value: float) -> float:
    """To a few significant digits: it is read by people, and what is simulated is what is read."""
    return float(f"{value:.{DIGITS}g}")


def _length(signals: Mapping[str, Array]) -> int:
    return len(next(iter(signals.values()))) if signals else 0
