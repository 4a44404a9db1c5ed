"""One look at the pairs: the gap's interval, the test's statistic, and both with the pairs that
still wait for a grade taken all as lost or all as won. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from downroute.stats.graded import graded_interval, graded_z
from downroute.stats.interval import Interval
from downroute.stats.noninferiority import (
    relative_interval,
    relative_z,
    tango_interval,
    tango_z,
)
from downroute.stats.planning import more_pairs, more_pairs_graded
from downroute.stats.weighted import (
    Split,
    binary_interval,
    binary_z,
    effective_counts,
    split,
)
from downroute.stats.weighted import graded_interval as weighted_graded_interval
from downroute.study.pairs import Pair, PairScore
from downroute.study.traffic import weighed

NOTHING_KNOWN = Interval(0.0, -1.0, 1.0)
TIED, LOST, WON = (0.0, 0.0), (1.0, 0.0), (0.0, 1.0)
"""The baseline's and the candidate's score of a pair that might be graded so."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How the test decides. ``schedule`` holds the planned looks in examples, ascending;
    ``alpha`` is one-sided."""

    margin: float
    alpha: float
    schedule: tuple[int, ...]
    relative: bool = False
    seed: int = 0
    labels: int = 50
    """The fewest labels by people before a judge's scores are read."""


@dataclass(frozen=True, slots=True)
class JudgedState:
    """What stands behind a look at pairs that a judge scored. ``raw`` and ``raw_z`` are the judge's
    own, uncorrected; ``labels`` the people's that count, ``missing`` how many more it takes before
    a route may be read; the rest is corrected, ``None`` before there are enough labels:
    the models' mean scores, the spread of one pair's difference that would give the gap's
    standard error, and the standard error that the missing labels aim at."""

    labels: int
    missing: int
    raw: Interval
    raw_z: float
    baseline: float | None = None
    candidate: float | None = None
    gap_sd: float | None = None
    aim_se: float | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the data. ``pairs`` are those whose difference is known or can be graded;
    ``interval`` runs from where the gap may be with all ungraded pairs won by the candidate to
    where it may be with all of them lost; its estimate takes them as ties. ``margin`` and ``sd``
    are in score units, also where the margin is a share of the baseline's score."""

    examples: int
    pairs: int
    ungraded: int
    unscored: int
    z_bound: float
    interval: Interval
    z: float
    sd: float
    margin: float
    judged: JudgedState | None = None
    """Where a judge scored pairs that people did not; ``ungraded`` then counts missing labels."""
    open: bool = False
    """Whether grades that are missing could still end the test at this look."""


def look_at(pairs: Sequence[Pair], z_bound: float, rules: Rules) -> Look:
    """One look at ``pairs`` with the bound ``z_bound`` (negative)."""
    pairs = weighed(pairs)
    ungraded = sum(p.to_grade for p in pairs)
    as_ties = Scores.of(pairs, TIED)
    interval = as_ties.interval(-z_bound, rules)
    undecided = False
    if ungraded:
        worst = Scores.of(pairs, LOST).interval(-z_bound, rules)
        best = Scores.of(pairs, WON).interval(-z_bound, rules)
        interval = Interval(interval.estimate, best.low, worst.high)
        undecided = best.high < rules.margin or worst.low > rules.margin
    return Look(
        examples=len(pairs),
        pairs=as_ties.pairs,
        ungraded=ungraded,
        unscored=sum(p.unscored is not None for p in pairs),
        z_bound=z_bound,
        interval=interval,
        z=as_ties.z(rules) if as_ties.pairs else 0.0,
        sd=as_ties.sd(),
        margin=rules.margin * (as_ties.baseline_mean() if rules.relative else 1.0),
        open=undecided,
    )


@dataclass(frozen=True, slots=True)
class Scores:
    """The two models' scores of the pairs whose difference is known. A tie whose worth nobody
    knows stands as (0, 0): for a relative margin that is the cautious reading, since it makes
    the baseline's mean, and with it the margin, no larger than it is."""

    baseline: tuple[float, ...]
    candidate: tuple[float, ...]
    votes: bool = False
    """Whether what is neither 0 nor 1 is the share of a pair's graders who called it good."""

    weights: tuple[float, ...] = ()
    """How many calls each pair stands for; empty where all stand for equally many."""
    certain: tuple[bool, ...] = ()
    """Which pairs were no sample; empty where none."""

    @classmethod
    def of(cls, pairs: Sequence[Pair], to_grade: PairScore | None = None) -> Scores:
        """The scores of ``pairs``, those that wait for a grade left out or, where ``to_grade`` is
        given, taken as if they had been graded so."""
        known = [p for p in pairs if p.difference is not None]
        waiting = [p for p in pairs if p.to_grade and p.difference is None] if to_grade else []
        first, second = to_grade or TIED
        counted = [*known, *waiting]
        even = len({p.weight for p in counted}) < 2 and not any(p.certain for p in counted)
        return cls(
            (*(p.baseline if p.baseline is not None else 0.0 for p in known),)
            + (first,) * len(waiting),
            (*(p.candidate if p.candidate is not None else 0.0 for p in known),)
            + (second,) * len(waiting),
            votes=any(p.graded for p in known)
            and all(p.graded or {p.baseline, p.candidate} <= {None, 0.0, 1.0} for p in known),
            weights=() if even else tuple(p.weight for p in counted),
            certain=() if even else tuple(p.certain for p in counted),
        )

    @property
    def pairs(self) -> int:
        return len(self.baseline)

    @property
    def binary(self) -> bool:
        """Whether the score test for 0/1 scores reads these. It does where graders disagreed: a
        difference of half a pair counts as half a pair that differs in full, which has the same
        mean and the larger variance, so the test errs on the safe side."""
        return self.votes or all(s in (0.0, 1.0) for s in (*self.baseline, *self.candidate))

    def counts(self) -> tuple[float, float, float]:
        """Of binary scores: pairs both, only the baseline, only the candidate got right, each
        counted by its weight; a pair whose graders disagreed in shares."""
        sides = list(zip(self.baseline, self.candidate, strict=True))
        even = self.pairs / sum(self.weights) if self.weights else 1.0
        weights = [w * even for w in self.weights] or [1.0] * self.pairs
        return (
            sum(w * min(b, c) for w, (b, c) in zip(weights, sides, strict=True)),
            sum(w * max(b - c, 0.0) for w, (b, c) in zip(weights, sides, strict=True)),
            sum(w * max(c - b, 0.0) for w, (b, c) in zip(weights, sides, strict=True)),
        )

    def split(self) -> Split:
        """What was sampled and what was certain."""
        return split(self.baseline, self.candidate, self.weights, self.certain)

    def evened(self) -> Scores:
        """As if all had been sampled, scaled so that plain sums are the weighted ones and no
        score exceeds 1."""
        largest = max(self.weights)
        return Scores(
            tuple(s * w / largest for s, w in zip(self.baseline, self.weights, strict=True)),
            tuple(s * w / largest for s, w in zip(self.candidate, self.weights, strict=True)),
        )

    def baseline_mean(self) -> float:
        return _mean(self.baseline, self.weights)

    def interval(self, z_crit: float, rules: Rules) -> Interval:
        """The gap with the bounds that ``z_crit`` gives; relative where the margin is."""
        n = self.pairs
        if n == 0 or math.isinf(z_crit):
            return NOTHING_KNOWN
        if self.weights:
            return self._weighted_interval(z_crit, rules)
        if not self.binary:
            return graded_interval(
                self.baseline,
                self.candidate,
                z_crit,
                rules.alpha,
                relative=rules.relative,
                seed=rules.seed,
            )
        both, b, c = self.counts()
        if not rules.relative:
            low, high = tango_interval(b, c, n, z_crit)
            return Interval((b - c) / n, low, high)
        low, high = relative_interval(both, b, c, z_crit)
        return Interval((b - c) / (both + b) if both + b else 0.0, low, high)

    def _weighted_interval(self, z_crit: float, rules: Rules) -> Interval:
        if rules.relative:
            if not self.binary:
                return self.evened().interval(z_crit, rules)
            both, b, c = self._effective()
            low, high = relative_interval(both, b, c, z_crit)
            return Interval((b - c) / (both + b) if both + b else 0.0, low, high)
        if self.binary:
            return binary_interval(self.split(), z_crit)
        return weighted_graded_interval(
            self.split(),
            lambda first, second: graded_interval(
                first, second, z_crit, rules.alpha, seed=rules.seed
            ),
        )

    def _effective(self) -> tuple[float, float, float]:
        """`counts` of binary scores as an even sample of the same precision would have them."""
        parts = split(self.baseline, self.candidate, self.weights, [False] * self.pairs)
        even = effective_counts(parts)[2] / self.pairs
        both, b, c = self.counts()
        return both * even, b * even, c * even

    def z(self, rules: Rules) -> float:
        """The statistic of "the gap is the margin or more"; negative speaks for the candidate."""
        if self.weights and not (self.binary and rules.relative):
            if self.binary:
                return binary_z(self.split(), rules.margin)
            return self._weighted_graded_z(rules)
        if not self.binary:
            return graded_z(self.baseline, self.candidate, rules.margin, relative=rules.relative)
        both, b, c = self._effective() if self.weights else self.counts()
        if rules.relative:
            return relative_z(both, b, c, rules.margin)
        return tango_z(b, c, self.pairs, rules.margin)

    def _weighted_graded_z(self, rules: Rules) -> float:
        """Of the sampled part against what the certain part leaves of the margin."""
        parts = self.split()
        if not len(parts.weights):
            return 0.0
        if rules.relative:
            even = self.evened()
            return graded_z(even.baseline, even.candidate, rules.margin, relative=True)
        scale = parts.weights / parts.weights.mean()
        left = (rules.margin - parts.known_gap) / parts.share
        return graded_z(parts.baseline * scale, parts.candidate * scale, left)

    def sd(self) -> float:
        """Standard deviation of one pair's difference, were the gap 0."""
        if not self.pairs:
            return 0.0
        squares = ((b - c) ** 2 for b, c in zip(self.baseline, self.candidate, strict=True))
        return math.sqrt(sum(squares) / self.pairs)

    def pairs_needed(self, rules: Rules) -> int | None:
        """How many more pairs would show the candidate within the margin with 80 % power, were
        gap and spread as estimated; ``None`` where the gap is at or above the margin."""
        n = self.pairs
        if n == 0:
            return None
        if self.binary and not rules.relative:
            _, b, c = self.counts()
            return more_pairs(b, c, n, rules.margin, alpha=rules.alpha)
        kept = 1.0 - rules.margin if rules.relative else 1.0
        lost = [kept * b - c for b, c in zip(self.baseline, self.candidate, strict=True)]
        gap = _mean(lost, self.weights)
        spread = math.sqrt(_mean([(x - gap) ** 2 for x in lost], self.weights))
        margin = 0.0 if rules.relative else rules.margin
        return more_pairs_graded(gap, spread, n, margin, alpha=rules.alpha)


def _mean(scores: Sequence[float], weights: Sequence[float]) -> float:
    if not scores:
        return 0.0
    if not weights:
        return sum(scores) / len(scores)
    return sum(s * w for s, w in zip(scores, weights, strict=True)) / sum(weights)


def discordance(pairs: Sequence[Pair]) -> float | None:
    """The share of pairs whose scores differ; ``None`` while grades are missing."""
    if any(p.to_grade for p in pairs):
        return None
    known = [p for p in pairs if p.difference is not None]
    return sum(p.difference != 0 for p in known) / len(known) if known else None
