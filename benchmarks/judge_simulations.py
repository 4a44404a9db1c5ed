"""Simulated judges whose errors are known: what they accept alone, and corrected by labels."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from downroute.stats.noninferiority import tango_z
from downroute.stats.ppi import Stratum, ppi_mean
from downroute.stats.sequential import default_looks
from downroute.study.labels import allocation, ask_for_labels, next_batch
from downroute.study.look import Rules
from downroute.study.pairs import Pair
from downroute.study.verdict import Stopped, judge

Array = NDArray[np.float64]
MARGIN = 0.05
Z = 1.644854


@dataclass(frozen=True)
class Court:
    """Two models and a judge of them; ``false_pass`` and ``false_fail`` are (about the baseline,
    about the candidate)."""

    gap: float
    false_pass: tuple[float, float]
    false_fail: tuple[float, float]
    baseline: float = 0.90
    discordance: float = 0.12

    def draw(self, pairs: int, random: np.random.Generator) -> tuple[Array, Array, Array, Array]:
        """Truth of both models' answers, then what the judge says of them."""
        only_baseline = (self.discordance + self.gap) / 2
        only_candidate = (self.discordance - self.gap) / 2
        both = self.baseline - only_baseline
        chances = [both, only_baseline, only_candidate]
        kind = random.choice(4, pairs, p=[*chances, 1 - sum(chances)])
        truth = (kind < 2).astype(float), ((kind == 0) | (kind == 2)).astype(float)
        said = [
            np.where(
                true > 0,
                random.random(pairs) >= self.false_fail[side],
                random.random(pairs) < self.false_pass[side],
            ).astype(float)
            for side, true in enumerate(truth)
        ]
        return truth[0], truth[1], said[0], said[1]


def uncorrected(court: Court, pairs: int, runs: int, seed: int) -> float:
    """The share of runs in which the judge's scores, taken for the truth, accept the candidate."""
    random = np.random.default_rng(seed)
    accepted = 0
    for _ in range(runs):
        _, _, base, cand = court.draw(pairs, random)
        lost, won = int((base > cand).sum()), int((cand > base).sum())
        accepted += tango_z(lost, won, pairs, MARGIN) < -Z
    return accepted / runs


def corrected(
    court: Court, pairs: int, labels: int, runs: int, seed: int, *, stratified: bool
) -> float:
    """The share of runs in which the corrected gap accepts the candidate: labels drawn over all
    pairs alike (PPI++ as published), or within strata of the judge's verdicts as a study does."""
    random = np.random.default_rng(seed)
    accepted = 0
    for _ in range(runs):
        true_b, true_c, base, cand = court.draw(pairs, random)
        truth, said = true_b - true_c, base - cand
        if stratified:
            found = ppi_mean(_strata(truth, said, 2 * base + cand, labels))
            accepted += tango_z(*found.counts(), MARGIN) < -Z
        else:
            one = Stratum.of(truth[:labels], said[:labels], said[labels:])
            accepted += ppi_mean([one], unseen=0.0).z(MARGIN) < -Z
    return accepted / runs


def _strata(truth: Array, said: Array, cell: Array, labels: int) -> list[Stratum]:
    keys = {int(k): (k >= 2, k % 2 == 1) for k in np.unique(cell)}
    sizes = {key: int((cell == k).sum()) for k, key in keys.items()}
    shares = Counter(allocation(sizes, dict.fromkeys(sizes, 0), labels))
    strata = []
    for k, key in keys.items():
        members = cell == k
        count = shares[key]
        strata.append(
            Stratum.of(truth[members][:count], said[members][:count], said[members][count:])
        )
    return strata


@dataclass(frozen=True)
class Studies:
    """Shares of verdicts over many simulated studies, and what they took."""

    route: float
    keep: float
    pairs: float
    labels: float
    rounds: float


def studies(court: Court, planned: int, runs: int, seed: int) -> Studies:
    """Whole studies: look after look, people labelling what is asked for until nothing is."""
    random = np.random.default_rng(seed)
    ends = [_study(court, planned, random) for _ in range(runs)]
    shares = np.array([[e[0] == "route", e[0] == "keep", *e[1:]] for e in ends], dtype=float)
    return Studies(*(float(x) for x in shares.mean(axis=0)))


def _study(court: Court, planned: int, random: np.random.Generator) -> tuple[str, int, int, int]:
    true_b, true_c, base, cand = court.draw(planned, random)
    pairs = [
        Pair(
            example_id=str(i),
            key=random.bytes(10).hex(),
            difference=float(base[i] - cand[i]),
            baseline=float(base[i]),
            candidate=float(cand[i]),
            judged=(float(base[i]), float(cand[i])),
        )
        for i in range(planned)
    ]
    rules = Rules(MARGIN, 0.05, default_looks(planned))
    done, rounds = 1, 0
    while True:
        found = judge(pairs[: rules.schedule[done - 1]], done, rules)
        if found.stopped is Stopped.LABELS:
            rounds += 1
            last = found.looks[-1]
            assert last.judged is not None
            count = next_batch(last.judged.missing, last.judged.labels)
            _label(pairs, last.examples, count, rules, true_b, true_c)
        elif found.outcome is not None:
            until = found.looks[-1].examples
            labels = sum(p.graded for p in pairs)
            return found.outcome.value, until, labels, rounds
        else:
            done += 1


def _label(
    pairs: list[Pair], until: int, missing: int, rules: Rules, true_b: Array, true_c: Array
) -> None:
    asked = ask_for_labels(pairs[:until], rules.schedule, missing)
    for place, pair in enumerate(asked):
        if pair.to_grade:
            truth = float(true_b[place]), float(true_c[place])
            pairs[place] = replace(
                pairs[place],
                graded=True,
                baseline=truth[0],
                candidate=truth[1],
                difference=truth[0] - truth[1],
            )
