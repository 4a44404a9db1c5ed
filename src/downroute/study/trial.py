"""One task's measured pairs as arrays: what a cascade is calibrated on and judged by. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from downroute.records import Purpose
from downroute.study.look import Rules, Scores
from downroute.study.pairs import Pair

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]
Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PaidSignal:
    """A second opinion on every answer of the candidate: its signal, NaN = missing, and what
    asking for it cost in USD and took in seconds, NaN = not known. All of shape (n,)."""

    model: str
    values: Array
    usd: Array
    latency_s: Array

    def take(self, places: Places) -> PaidSignal:
        return PaidSignal(self.model, self.values[places], self.usd[places], self.latency_s[places])


@dataclass(frozen=True, slots=True)
class Trial:
    """The pairs of one task and candidate whose difference is known; every array of shape (n,).

    ``signals`` are free, NaN = missing. ``failed`` marks answers that a check of the route
    rejects. ``weights`` say how many calls a pair stands for, relative to the others.
    """

    pairs: tuple[Pair, ...]
    baseline: Array
    candidate: Array
    baseline_usd: Array
    candidate_usd: Array
    baseline_s: Array
    candidate_s: Array
    signals: Mapping[str, Array]
    failed: Bools
    paid: Mapping[Purpose, PaidSignal] = field(default_factory=dict)
    certain: Bools | None = None
    weights: Array | None = None
    """``None`` where all stand for equally many calls."""

    @property
    def n(self) -> int:
        return len(self.baseline)

    def take(self, places: Sequence[int] | Places) -> Trial:
        """The pairs at ``places``, in that order."""
        at = np.asarray(places, dtype=np.int64)
        return replace(
            self,
            pairs=tuple(self.pairs[i] for i in at),
            baseline=self.baseline[at],
            candidate=self.candidate[at],
            baseline_usd=self.baseline_usd[at],
            candidate_usd=self.candidate_usd[at],
            baseline_s=self.baseline_s[at],
            candidate_s=self.candidate_s[at],
            signals={name: values[at] for name, values in self.signals.items()},
            failed=self.failed[at],
            paid={purpose: signal.take(at) for purpose, signal in self.paid.items()},
            certain=None if self.certain is None else self.certain[at],
            weights=None if self.weights is None else self.weights[at],
        )

    @property
    def gain(self) -> Array:
        """How much escalating each answer wins: 1 where only the baseline is right."""
        return np.maximum(self.baseline - self.candidate, 0.0)

    @property
    def binary(self) -> bool:
        sides = np.concatenate([self.baseline, self.candidate])
        return bool(np.isin(sides, (0.0, 1.0)).all())

    def served(self, escalated: Bools) -> Scores:
        """The baseline's scores beside those of a cascade that escalates ``escalated``."""
        served = np.where(escalated, self.baseline, self.candidate)
        return Scores(
            tuple(map(float, self.baseline)),
            tuple(map(float, served)),
            weights=() if self.weights is None else tuple(map(float, self.weights)),
            certain=()
            if self.weights is None
            else tuple(
                [False] * self.n if self.certain is None else [bool(c) for c in self.certain]
            ),
        )

    def gap(self, escalated: Bools, rules: Rules) -> float:
        """The cascade's gap on these very pairs, in the margin's units."""
        weights = np.ones(self.n) if self.weights is None else self.weights
        lost = np.where(escalated, 0.0, self.baseline - self.candidate)
        gap = float((weights * lost).sum() / weights.sum())
        if not rules.relative:
            return gap
        mean = float((weights * self.baseline).sum() / weights.sum())
        return gap / mean if mean > 0.0 else 0.0

    def cost(self, escalated: Bools, asked: Bools, purpose: Purpose | None) -> Array:
        """What each request costs on the cascade, in USD."""
        paid = self.candidate_usd + np.where(escalated, self.baseline_usd, 0.0)
        if purpose is not None:
            paid = paid + np.where(asked, self.paid[purpose].usd, 0.0)
        return np.asarray(paid)

    def saving(
        self, escalated: Bools, asked: Bools, purpose: Purpose | None = None
    ) -> float | None:
        """The share of the baseline's cost that is saved, net of every other call; ``None`` where
        costs are not known."""
        paid = self.cost(escalated, asked, purpose)
        priced = np.isfinite(paid) & np.isfinite(self.baseline_usd)
        weights = np.ones(self.n) if self.weights is None else self.weights
        whole = float((weights * self.baseline_usd)[priced].sum())
        if not priced.any() or whole <= 0.0:
            return None
        return 1.0 - float((weights * paid)[priced].sum()) / whole


def stacked(trials: Sequence[Trial]) -> Trial:
    """The pairs of several trials, one's after the other's; without second opinions."""
    first = trials[0]

    def joined(pick: Callable[[Trial], Array]) -> Array:
        return np.concatenate([pick(trial) for trial in trials])

    certain = [trial.certain for trial in trials if trial.certain is not None]
    weights = [trial.weights for trial in trials if trial.weights is not None]
    return Trial(
        pairs=tuple(pair for trial in trials for pair in trial.pairs),
        baseline=joined(lambda t: t.baseline),
        candidate=joined(lambda t: t.candidate),
        baseline_usd=joined(lambda t: t.baseline_usd),
        candidate_usd=joined(lambda t: t.candidate_usd),
        baseline_s=joined(lambda t: t.baseline_s),
        candidate_s=joined(lambda t: t.candidate_s),
        signals={
            name: np.concatenate([trial.signals[name] for trial in trials])
            for name in first.signals
        },
        failed=np.concatenate([trial.failed for trial in trials]),
        certain=np.concatenate(certain) if len(certain) == len(trials) else None,
        weights=np.concatenate(weights) if len(weights) == len(trials) else None,
    )
