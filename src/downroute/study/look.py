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
from downroute.study.pairs import Pair

NOTHING_KNOWN = Interval(0.0, -1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Rules:
    """How the test decides. ``schedule`` holds the planned looks in examples, ascending;
    ``alpha`` is one-sided."""

    margin: float
    alpha: float
    schedule: tuple[int, ...]
    relative: bool = False
    seed: int = 0


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


def look_at(pairs: Sequence[Pair], z_bound: float, rules: Rules) -> Look:
    """One look at ``pairs`` with the bound ``z_bound`` (negative)."""
    data = Scores.of(pairs)
    ungraded = sum(p.to_grade for p in pairs)
    as_ties = data.with_graded(tied=ungraded)
    interval = as_ties.interval(-z_bound, rules)
    if ungraded:
        worst = data.with_graded(lost=ungraded).interval(-z_bound, rules)
        best = data.with_graded(won=ungraded).interval(-z_bound, rules)
        interval = Interval(interval.estimate, best.low, worst.high)
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

    @classmethod
    def of(cls, pairs: Sequence[Pair]) -> Scores:
        known = [p for p in pairs if p.difference is not None]
        return cls(
            tuple(p.baseline if p.baseline is not None else 0.0 for p in known),
            tuple(p.candidate if p.candidate is not None else 0.0 for p in known),
            votes=any(p.graded for p in known)
            and all(p.graded or {p.baseline, p.candidate} <= {None, 0.0, 1.0} for p in known),
        )

    def with_graded(self, *, lost: int = 0, won: int = 0, tied: int = 0) -> Scores:
        """These and so many more pairs as a person might grade them."""
        return Scores(
            self.baseline + (1.0,) * lost + (0.0,) * (won + tied),
            self.candidate + (0.0,) * lost + (1.0,) * won + (0.0,) * tied,
            self.votes,
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
        """Of binary scores: pairs both, only the baseline, only the candidate got right; a pair
        whose graders disagreed in shares."""
        sides = list(zip(self.baseline, self.candidate, strict=True))
        return (
            sum(min(b, c) for b, c in sides),
            sum(max(b - c, 0.0) for b, c in sides),
            sum(max(c - b, 0.0) for b, c in sides),
        )

    def baseline_mean(self) -> float:
        return sum(self.baseline) / self.pairs if self.pairs else 0.0

    def interval(self, z_crit: float, rules: Rules) -> Interval:
        """The gap with the bounds that ``z_crit`` gives; relative where the margin is."""
        n = self.pairs
        if n == 0 or math.isinf(z_crit):
            return NOTHING_KNOWN
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

    def z(self, rules: Rules) -> float:
        """The statistic of "the gap is the margin or more"; negative speaks for the candidate."""
        if not self.binary:
            return graded_z(self.baseline, self.candidate, rules.margin, relative=rules.relative)
        both, b, c = self.counts()
        if rules.relative:
            return relative_z(both, b, c, rules.margin)
        return tango_z(b, c, self.pairs, rules.margin)

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
        gap = sum(lost) / n
        spread = math.sqrt(sum((x - gap) ** 2 for x in lost) / n)
        margin = 0.0 if rules.relative else rules.margin
        return more_pairs_graded(gap, spread, n, margin, alpha=rules.alpha)


def discordance(pairs: Sequence[Pair]) -> float | None:
    """The share of pairs whose scores differ; ``None`` while grades are missing."""
    if any(p.to_grade for p in pairs):
        return None
    known = [p for p in pairs if p.difference is not None]
    return sum(p.difference != 0 for p in known) / len(known) if known else None
