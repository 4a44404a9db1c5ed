"""Which ladder of cheaper models holds the margin against the top one, and at what point. Pure.

The models are asked in order until an answer passes; the baseline's is accepted as it is. One
score judges every answer, so it is learned from all models' answers together, each against the
baseline's. The walk is the cascade's: from "escalate all" down, to the first point that fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from downroute.records import CheckSpec, Route
from downroute.stats.fixed_sequence import FRACTIONS, thresholds, walk
from downroute.study.beside import holds
from downroute.study.calibration import Point, as_served, finite
from downroute.study.escalation_score import FEWEST_GAINS
from downroute.study.look import Rules
from downroute.study.options import AIMS, CLEARLY, PILOT, pilot_size
from downroute.study.ordering import Option, Ordering, folds_of, ordering_of
from downroute.study.trial import Places, Trial, stacked

OPTIONS = (Option(), Option(thrifty=True))


@dataclass(frozen=True, slots=True)
class Rung:
    """One model's answers, against the baseline's. All rungs of a ladder hold the same pairs."""

    model: str
    trial: Trial


Rungs = tuple[Rung, ...]


@dataclass(frozen=True, slots=True)
class Ladder:
    """The walk's result. ``ordering`` is of all rungs' answers, one rung's after the other's;
    ``chosen`` is the index of the point used, ``None`` where none passed."""

    rungs: Rungs
    ordering: Ordering
    points: tuple[Point, ...]
    chosen: int | None
    learned: bool

    @property
    def point(self) -> Point | None:
        return None if self.chosen is None else self.points[self.chosen]

    def route(self, task: str, baseline: str, checks: tuple[CheckSpec, ...] = ()) -> Route:
        """The chosen point as it is served."""
        assert self.point is not None
        score = replace(self.ordering.score, above=finite(self.point.above))
        models = (*(rung.model for rung in self.rungs), baseline)
        return Route(task, models, baseline, checks=checks, escalate=score)

    def reached(self, above: float) -> Places:
        """Whose answer each pair gets, of shape (n,): the rung's place, the baseline's is last."""
        return reached(self.rungs, self.ordering.risk, above)

    def served(self) -> Trial:
        """What the chosen point serves, as the candidate of a trial."""
        assert self.point is not None
        return climbed(self.rungs, self.reached(self.point.above))


def choose_ladder(
    choices: Sequence[Rungs], margin: float, seed: int
) -> tuple[Rungs, Option] | None:
    """The ladder, and how its answers are to be ordered, that saves most on the pilot. None is
    chosen by whether it passes; ``None`` where none promises anything."""
    best: tuple[Rungs, Option] | None = None
    promise = 0.0
    for rungs in choices:
        for option in OPTIONS:
            found = _promise(rungs, option, margin, seed)
            if found > promise + CLEARLY:
                best, promise = (rungs, option), found
    return best


def calibrate_ladder(
    rungs: Rungs, option: Option, rules: Rules, z_bound: float, *, seed: int, strict: bool = False
) -> Ladder | None:
    """The cheapest point of the ladder that is shown to hold the margin at ``z_bound``; ``strict``
    as of a cascade. ``None`` where no signal tells answers apart."""
    folds = folds_of(rungs[0].trial.n, seed, strict=strict)
    found = ordering_of(_all_answers(rungs), option, np.tile(folds, len(rungs)))
    if found is None:
        return None
    ordering, learned = found
    if strict:
        rungs, ordering = _half(rungs, ordering, folds)
    above = as_served(ordering, thresholds(ordering.risk))
    nobody = np.zeros(rungs[0].trial.n, bool)

    def shown(step: int) -> bool:
        served = climbed(rungs, reached(rungs, ordering.risk, float(above[step])))
        return holds(served, nobody, rules, z_bound)

    passed = walk(shown, len(above))
    points = tuple(Point(f, float(above[k]), k < passed) for k, f in enumerate(FRACTIONS))
    return Ladder(rungs, ordering, points, passed - 1 if passed else None, learned)


def reached(rungs: Rungs, risk: np.ndarray, above: float) -> Places:
    """Whose answer each pair gets where those with a ``risk``, of shape (rungs · n,), above
    ``above`` are not accepted."""
    passes = (risk <= above).reshape(len(rungs), -1)
    return np.where(passes.any(axis=0), passes.argmax(axis=0), len(rungs))


def climbed(rungs: Rungs, places: Places) -> Trial:
    """The first rung's trial with, as the candidate, what the whole ladder serves: its scores,
    what all models asked cost together, how long they take one after the other."""
    first = rungs[0].trial
    score, usd, seconds = first.baseline, np.zeros(first.n), np.zeros(first.n)
    for place, rung in enumerate(rungs):
        asked = places >= place
        usd = usd + np.where(asked, rung.trial.candidate_usd, 0.0)
        seconds = seconds + np.where(asked, rung.trial.candidate_s, 0.0)
        score = np.where(places == place, rung.trial.candidate, score)
    last = places == len(rungs)
    return replace(
        first,
        candidate=score,
        candidate_usd=usd + np.where(last, first.baseline_usd, 0.0),
        candidate_s=seconds + np.where(last, first.baseline_s, 0.0),
        failed=np.zeros(first.n, bool),
    )


def _all_answers(rungs: Rungs) -> Trial:
    return stacked([rung.trial for rung in rungs])


def _half(rungs: Rungs, ordering: Ordering, folds: np.ndarray) -> tuple[Rungs, Ordering]:
    tested = np.flatnonzero(folds >= 0)
    everywhere = np.concatenate([tested + k * len(folds) for k in range(len(rungs))])
    halves = tuple(Rung(rung.model, rung.trial.take(tested)) for rung in rungs)
    return halves, replace(
        ordering,
        risk=ordering.risk[everywhere],
        asked=ordering.asked[everywhere],
        served=None if ordering.served is None else ordering.served[everywhere],
    )


def _promise(rungs: Rungs, option: Option, margin: float, seed: int) -> float:
    """What the ladder saves on the pilot, averaged over a few shares of the margin used up."""
    size = pilot_size(rungs[0].trial)
    pilot = tuple(Rung(rung.model, rung.trial.take(range(size))) for rung in rungs)
    folds = np.tile(folds_of(size, seed), len(rungs))
    found = ordering_of(_all_answers(pilot), option, folds, PILOT * FEWEST_GAINS)
    if found is None:
        return 0.0
    nobody = np.zeros(size, bool)
    points = []
    for above in thresholds(found[0].risk):
        served = climbed(pilot, reached(pilot, found[0].risk, float(above)))
        lost = float((served.baseline - served.candidate).mean())
        points.append((lost, served.saving(nobody, nobody) or 0.0))
    savings = [
        max((saving for lost, saving in points if lost <= aim * margin), default=0.0)
        for aim in AIMS
    ]
    return sum(savings) / len(savings)
