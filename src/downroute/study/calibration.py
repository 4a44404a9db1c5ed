"""Which cascade holds the margin, and which of them is the cheapest. Pure.

1. A score of what escalating an answer gains, by models that have not seen the answer (5-fold).
2. Which second opinion, if any, pays, and in which band: told on a pilot, the first pairs drawn.
3. A grid of escalation fractions, from the score alone.
4. From "escalate all" down each fraction is tested, up to the first that fails; the last that
   passed is used. The level is that of the last look of the candidate's own test, so that the two
   tests together hold the study's error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from downroute.records import LinearScore, Purpose, Route, SecondOpinion
from downroute.routing.signals import PAID
from downroute.stats.fixed_sequence import FRACTIONS, tango_z_many, thresholds, walk
from downroute.stats.noninferiority import tango_z
from downroute.study.escalation_score import (
    FEWEST_GAINS,
    FOLDS,
    Learned,
    default_score,
    learn,
    score_all,
)
from downroute.study.look import Rules
from downroute.study.trial import Array, Bools, Trial

LEAST_SAVING = 0.1
"""A cascade that saves less of the baseline's cost is not worth its second model."""
PILOT = 0.4
"""The share of pairs on which is told which second opinion to ask for."""
BANDS = (0.0, 0.25, 0.5)
"""Shares of answers accepted by the free score alone, without a second opinion."""
CLEARLY = 0.005
"""By how much more saving a less simple option has to promise."""
SAFELY = -4.0
"""What is accepted without being asked about must be so far within the margin, as z, if the pilot
went on as it is: no second opinion can make good what it never sees."""
FARTHEST = 1e9
"""Beyond any score."""
_AIMS = (0.2, 0.4, 0.6)


@dataclass(frozen=True, slots=True)
class Option:
    """A way to order answers by risk: by the free score, or by a second opinion on all but the
    share ``band`` that the free score finds the least risky. ``plain``: by one signal as it is,
    with nothing learned (a probability that is nearly always 0 or 1 suits no straight line)."""

    purpose: Purpose | None = None
    band: float = 0.0
    plain: bool = False


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


@dataclass(frozen=True, slots=True)
class Point:
    """One step of the grid: everything with a risk above ``above`` is escalated."""

    fraction: float
    above: float
    passed: bool


@dataclass(frozen=True, slots=True)
class Calibration:
    """The walk's result. ``chosen`` is the index of the point used, ``None`` where none passed.
    ``gains`` counts the pairs where escalating wins something; ``learned``: enough to learn."""

    ordering: Ordering
    points: tuple[Point, ...]
    chosen: int | None
    gains: int
    learned: bool
    trial: Trial

    @property
    def point(self) -> Point | None:
        return None if self.chosen is None else self.points[self.chosen]

    def escalated(self) -> Bools:
        """Which of the calibration's pairs the chosen point escalates."""
        assert self.point is not None
        return self.ordering.escalated(self.point.above)

    def saving(self) -> float | None:
        """Net saving of the chosen point on the calibration's pairs; ``None`` = not known."""
        if self.point is None:
            return None
        ordering = self.ordering
        return self.trial.saving(self.escalated(), ordering.asked, ordering.option.purpose)

    def route(self, task: str, candidate: str, baseline: str) -> Route:
        """The chosen point as it is served."""
        assert self.point is not None
        ordering, above = self.ordering, self.point.above
        if ordering.second is None or ordering.option.purpose is None:
            score = replace(ordering.score, above=_finite(above))
            return Route(task, (candidate, baseline), baseline, escalate=score)
        purpose = ordering.option.purpose
        second = SecondOpinion(
            purpose,
            self.trial.paid[purpose].model,
            ordering.low,
            FARTHEST,
            replace(ordering.second, above=_finite(above)),
        )
        score = replace(ordering.score, above=FARTHEST)
        return Route(task, (candidate, baseline), baseline, escalate=score, second=second)


def calibrate(
    trial: Trial,
    rules: Rules,
    z_bound: float,
    *,
    seed: int = 0,
    strict: bool = False,
    target_escalation: float | None = None,
    target_quality: float | None = None,
) -> Calibration | None:
    """The cheapest cascade over ``trial`` that is shown to hold the margin at ``z_bound``.

    ``strict``: fitted on one half of the pairs, tested on the other. ``target_escalation`` takes
    the passing point next to that share instead of the cheapest, ``target_quality`` the cheapest
    whose mean score is at least so high. ``None`` where no signal tells answers apart.
    """
    folds = _folds(trial.n, seed, strict=strict)
    found = _ordering(trial, _choose_option(trial, rules.margin, seed), folds)
    if found is None:
        return None
    ordering, learned = found
    tested, seen = (trial, ordering) if not strict else _half(trial, ordering, folds)
    points = _walk(tested, seen, rules, z_bound)
    passing = [k for k, p in enumerate(points) if p.passed]
    chosen = _choose_point(tested, seen, points, passing, target_escalation, target_quality)
    gains = int((trial.gain > 0).sum())
    return Calibration(seen, points, chosen, gains, learned, tested)


def route_risk(route: Route, trial: Trial) -> tuple[Bools, Bools]:
    """(escalated, asked) of every answer of ``trial`` on ``route``: `next_step` of all at once."""
    assert route.escalate is not None
    free = score_all(route.escalate, trial.signals)
    second = route.second
    if second is None:
        return ~(free <= route.escalate.above) | trial.failed, np.zeros(trial.n, bool)
    asked = ~(free <= second.low) & (free <= second.high) & ~trial.failed
    opinion = score_all(second.score, _with_paid(trial, second.purpose))
    refused = ~(free <= second.high) | (asked & ~(opinion <= second.score.above))
    return refused | trial.failed, asked


def in_sample(trial: Trial) -> Iterator[tuple[Array, Bools, Purpose | None]]:
    """(risk, asked, purpose) of every way to order ``trial``, fitted on these very answers."""
    everything = np.full(trial.n, -1)
    for option in _options(trial):
        found = _ordering(trial, option, everything)
        if found is not None:
            ordering = found[0]
            assert ordering.served is not None
            yield ordering.served, np.asarray(ordering.served > -np.inf), option.purpose


def _ordering(
    trial: Trial, option: Option, folds: np.ndarray, fewest: float = FEWEST_GAINS
) -> tuple[Ordering, bool] | None:
    """``trial`` in order of risk, and whether the score was learned."""
    enough = int((trial.gain > 0).sum()) >= fewest
    enough = enough and not (option.plain and option.purpose is None)
    free = _score(trial.signals, trial, folds, None, enough=enough)
    if option.purpose is None:
        if free is None:
            return None
        served = _barred(score_all(free.score, trial.signals), trial.failed)
        risk = _barred(free.held_out, trial.failed)
        nobody = np.zeros(trial.n, bool)
        return Ordering(option, risk, nobody, free.score, served=served), enough
    signals = _with_paid(trial, option.purpose)
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
            _barred(risk, trial.failed),
            asked & ~trial.failed,
            first,
            low,
            second.score,
            _barred(served, trial.failed),
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


def _choose_option(trial: Trial, margin: float, seed: int) -> Option:
    """The option that saves most on the pilot, averaged over a few shares of the margin that
    may be used up. No option is chosen by whether it passes."""
    options = _options(trial)
    if len(options) == 1:
        return options[0]
    pilot = trial.take(range(max(1, round(PILOT * trial.n))))
    folds = _folds(pilot.n, seed)
    best, promise = options[0], _promise(pilot, options[0], margin, folds)
    for option in options[1:]:
        found = _promise(pilot, option, margin, folds)
        if found > promise + CLEARLY:
            best, promise = option, found
    return best


def _options(trial: Trial) -> list[Option]:
    """What may be chosen, the simpler first."""
    plain = (False, True)
    return [
        Option(),
        *(Option(p, band, how) for band in BANDS for p in trial.paid for how in plain),
    ]


def _promise(pilot: Trial, option: Option, margin: float, folds: np.ndarray) -> float:
    found = _ordering(pilot, option, folds, PILOT * FEWEST_GAINS)
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
    for aim in _AIMS:
        kept = int(np.flatnonzero(left <= aim * margin)[-1])
        escalated = np.ones(pilot.n, bool)
        escalated[order[:kept]] = False
        saving = pilot.saving(escalated, ordering.asked, option.purpose)
        savings.append(0.0 if saving is None else saving)
    return sum(savings) / len(savings)


def _walk(trial: Trial, ordering: Ordering, rules: Rules, z_bound: float) -> tuple[Point, ...]:
    above = _as_served(ordering, thresholds(ordering.risk))
    if trial.binary and trial.weights is None and not rules.relative:
        kept = ordering.risk[None, :] <= above[:, None]
        b = (kept & (trial.baseline > trial.candidate)[None, :]).sum(axis=1).astype(np.float64)
        c = (kept & (trial.baseline < trial.candidate)[None, :]).sum(axis=1).astype(np.float64)
        shown = tango_z_many(b, c, trial.n, rules.margin) < z_bound
        passed = walk(lambda k: bool(shown[k]), len(above))
    else:
        passed = walk(
            lambda k: holds(trial, ordering.escalated(float(above[k])), rules, z_bound), len(above)
        )
    return tuple(Point(f, float(above[k]), k < passed) for k, f in enumerate(FRACTIONS))


def _as_served(ordering: Ordering, above: Array) -> Array:
    """``above``, lowered where what is served would escalate clearly fewer than were tested: a
    threshold within many equal scores may fall on either side of them."""
    if ordering.served is None:
        return above
    n = len(ordering.served)
    fractions = np.asarray(FRACTIONS)
    shares = (ordering.served[None, :] > above[:, None]).mean(axis=1)
    short = shares < fractions - np.sqrt(fractions * (1.0 - fractions) / n)
    return np.where(short, np.minimum(above, thresholds(ordering.served)), above)


def holds(trial: Trial, escalated: Bools, rules: Rules, z_bound: float) -> bool:
    """Whether a cascade that escalates ``escalated`` is shown to be within the margin."""
    return trial.served(escalated).interval(-z_bound, rules).high < rules.margin


def _choose_point(
    trial: Trial,
    ordering: Ordering,
    points: Sequence[Point],
    passing: Sequence[int],
    escalation: float | None,
    quality: float | None,
) -> int | None:
    if not passing:
        return None
    if escalation is not None:
        return min(passing, key=lambda k: abs(points[k].fraction - escalation))
    if quality is None:
        return passing[-1]

    def mean(k: int) -> float:
        kept = ~ordering.escalated(points[k].above)
        return float(np.where(kept, trial.candidate, trial.baseline).mean())

    good = [k for k in passing if mean(k) >= quality]
    return good[-1] if good else None


def _half(trial: Trial, ordering: Ordering, folds: np.ndarray) -> tuple[Trial, Ordering]:
    tested = np.flatnonzero(folds >= 0)
    return trial.take(tested), replace(
        ordering,
        risk=ordering.risk[tested],
        asked=ordering.asked[tested],
        served=None if ordering.served is None else ordering.served[tested],
    )


def _folds(n: int, seed: int, *, strict: bool = False) -> np.ndarray:
    """Each pair's fold; with ``strict`` −1 for the half that is only fitted on, 0 for the rest."""
    order = np.random.default_rng(seed).permutation(n)
    folds = np.empty(n, dtype=np.int64)
    folds[order] = np.arange(n) % 2 - 1 if strict else np.arange(n) % FOLDS
    return folds


def _with_paid(trial: Trial, purpose: Purpose) -> dict[str, Array]:
    return {PAID[purpose]: trial.paid[purpose].values, **trial.signals}


def _barred(risk: Array, failed: Bools) -> Array:
    return np.where(failed, np.inf, risk)


def _finite(above: float) -> float:
    return max(-FARTHEST, min(FARTHEST, above))
