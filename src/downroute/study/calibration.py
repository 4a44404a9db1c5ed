"""Which cascade holds the margin, and which of them is the cheapest. Pure.

1. A score of what escalating an answer gains, by models that have not seen the answer (5-fold).
2. Which second opinion, if any, pays, and in which band: told on a pilot, the first pairs drawn.
3. A grid of escalation fractions, from the score alone.
4. From "escalate all" down each fraction is tested, up to the first that fails; the last that
   passed is used. The level is that of the last look of the candidate's own test, so that the two
   tests together hold the study's error.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from downroute.records import CheckSpec, LinearScore, Purpose, Route, SecondOpinion
from downroute.stats.fixed_sequence import FRACTIONS, tango_z_many, thresholds, walk
from downroute.study.beside import holds
from downroute.study.escalation_score import score_all
from downroute.study.look import Rules
from downroute.study.options import choose_option, options_of
from downroute.study.ordering import FARTHEST, Option, Ordering, folds_of, ordering_of, with_paid
from downroute.study.trial import Array, Bools, Trial


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

    def route(
        self, task: str, candidate: str, baseline: str, checks: tuple[CheckSpec, ...] = ()
    ) -> Route:
        """The chosen point as it is served, with the ``checks`` that its pairs were held to."""
        assert self.point is not None
        ordering, above = self.ordering, self.point.above
        if ordering.second is None or ordering.option.purpose is None:
            score = replace(ordering.score, above=finite(above))
            return Route(task, (candidate, baseline), baseline, checks=checks, escalate=score)
        purpose = ordering.option.purpose
        asker = self.trial.paid[purpose].model
        opinion = replace(ordering.second, above=finite(above))
        free, low, high = replace(ordering.score, above=FARTHEST), ordering.low, FARTHEST
        if low == -FARTHEST:
            # Every answer is asked about, so nothing depends on the free score.
            free, low, high = LinearScore(0.0, {}, 1.0), -1.0, 1.0
        second = SecondOpinion(purpose, asker, low, high, opinion)
        models = (candidate, baseline)
        return Route(task, models, baseline, checks=checks, escalate=free, second=second)


def calibrate(
    trial: Trial,
    rules: Rules,
    z_bound: float,
    *,
    seed: int = 0,
    strict: bool = False,
    target_escalation: float | None = None,
    target_quality: float | None = None,
    option: Option | None = None,
) -> Calibration | None:
    """The cheapest cascade over ``trial`` that is shown to hold the margin at ``z_bound``.

    ``strict``: fitted on one half of the pairs, tested on the other. ``target_escalation`` takes
    the passing point next to that share instead of the cheapest, ``target_quality`` the cheapest
    whose mean score is at least so high. ``option`` is how answers are ordered, where that was
    chosen already. ``None`` where no signal tells answers apart.
    """
    folds = folds_of(trial.n, seed, strict=strict)
    option = option or choose_option(trial, rules.margin, seed)
    found = ordering_of(trial, option, folds)
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
    opinion = score_all(second.score, with_paid(trial, second.purpose))
    refused = ~(free <= second.high) | (asked & ~(opinion <= second.score.above))
    return refused | trial.failed, asked


def in_sample(trial: Trial) -> Iterator[tuple[Array, Bools, Purpose | None]]:
    """(risk, asked, purpose) of every way to order ``trial``, fitted on these very answers."""
    everything = np.full(trial.n, -1)
    for option in options_of(trial):
        found = ordering_of(trial, option, everything)
        if found is not None:
            ordering = found[0]
            assert ordering.served is not None
            yield ordering.served, np.asarray(ordering.served > -np.inf), option.purpose


def _walk(trial: Trial, ordering: Ordering, rules: Rules, z_bound: float) -> tuple[Point, ...]:
    above = as_served(ordering, thresholds(ordering.risk))
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


def as_served(ordering: Ordering, above: Array) -> Array:
    """``above``, lowered where what is served would escalate clearly fewer than were tested: a
    threshold within many equal scores may fall on either side of them."""
    if ordering.served is None:
        return above
    n = len(ordering.served)
    fractions = np.asarray(FRACTIONS)
    shares = (ordering.served[None, :] > above[:, None]).mean(axis=1)
    short = shares < fractions - np.sqrt(fractions * (1.0 - fractions) / n)
    return np.where(short, np.minimum(above, thresholds(ordering.served)), above)


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
        shares = {k: float(ordering.escalated(points[k].above).mean()) for k in passing}
        return min(passing, key=lambda k: abs(shares[k] - escalation))
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


def finite(above: float) -> float:
    """A threshold that can be written down."""
    return max(-FARTHEST, min(FARTHEST, above))
