"""What the statistics do when the truth is known: exact enumeration where it can be done, seeded
simulation where not. The tests run these short, `statistics_numbers.py` long.

Counts are of pairs: b only the baseline right, c only the candidate. The library's own tests are
called once per distinct (b, c), so what is simulated is what decides.
"""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr
from scipy.stats import binom
from scipy.stats import t as student_t

from downroute.stats.bootstrap import mean_bounds
from downroute.stats.graded import graded_interval
from downroute.stats.multiple import benjamini_hochberg
from downroute.stats.noninferiority import relative_z, tango_z
from downroute.stats.sequential import bounds, conditional_power

Counts = NDArray[np.int64]
Draw = Callable[[np.random.Generator, int], NDArray[np.float64]]
Futility = Callable[[float, int, int, float, float], float]

MARGIN = 0.05
Z_95 = 1.6448536269514722
CONTINUE, ROUTE, KEEP, FUTILE = range(4)


# -- one look -----------------------------------------------------------------------------------


def most_lost(c: int, n: int) -> int:
    """The largest b that Tango's test accepts beside ``c``; -1 where it accepts none."""
    b = -1
    while b + c < n and tango_z(b + 1, c, n, MARGIN) < -Z_95:
        b += 1
    return b


def tango_rule(n: int) -> list[int]:
    """Per c the largest accepted b."""
    return [most_lost(c, n) for c in range(n + 1)]


def point_rule(n: int) -> list[int]:
    """The same for "the estimated gap is within five points"."""
    return [min(n - c, c + math.floor(MARGIN * n + 1e-9)) for c in range(n + 1)]


def acceptance(rule: Sequence[int], gap: float, discordance: float) -> float:
    """Exact probability that the rule accepts ``len(rule) - 1`` pairs with this true gap."""
    n = len(rule) - 1
    lost, won = (discordance + gap) / 2.0, (discordance - gap) / 2.0
    c = np.arange(n + 1)
    rest = 0.0 if won >= 1.0 else min(1.0, lost / (1.0 - won))
    return float(binom.pmf(c, n, max(won, 0.0)) @ binom.cdf(rule, n - c, rest))


def size(n: int, most: float = 0.60) -> tuple[float, float]:
    """(largest exact acceptance of a gap at the margin, the discordance it happens at) over
    discordances from the margin to ``most`` in steps of half a point."""
    rule = tango_rule(n)
    grid = np.arange(MARGIN, most + 1e-9, 0.005)
    return max((acceptance(rule, MARGIN, d), float(d)) for d in grid)


def relative_acceptance(
    accuracy: float, gap: float, phi: float, n: int, runs: int, seed: int
) -> float:
    """How often the score test for a relative margin of 5 % accepts this relative gap."""
    lost, won = correlated(accuracy, accuracy * gap, phi)
    cells = [accuracy - lost, lost, won]
    rng = np.random.default_rng(seed)
    drawn_counts = rng.multinomial(n, [*cells, 1 - sum(cells)], size=runs)[:, :3]
    seen, times = np.unique(drawn_counts, axis=0, return_counts=True)
    accepted = [relative_z(*map(float, counts), MARGIN) < -Z_95 for counts in seen]
    return float(times @ accepted) / runs


def t_test_acceptance(drop: float, n: int = 100) -> float:
    """Exact acceptance by the t-test at the margin where one pair in 0.05/drop loses ``drop`` and
    all others tie."""
    share = MARGIN / drop
    k = np.arange(n + 1)
    mean = drop * k / n
    deviation = drop * np.sqrt(k / n * (1.0 - k / n) * n / (n - 1))
    accepted = mean + student_t.ppf(0.95, n - 1) * deviation / math.sqrt(n) < MARGIN
    return float(binom.pmf(k, n, share) @ accepted)


# -- several looks ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Runs:
    """How many simulated studies ended how, and after how many pairs."""

    outcomes: NDArray[np.int64]
    pairs: NDArray[np.int64]

    def share(self, outcome: int) -> float:
        return float((self.outcomes == outcome).mean())

    @property
    def mean_pairs(self) -> float:
        return float(self.pairs.mean())


def correlated(accuracy: float, gap: float, phi: float) -> tuple[float, float]:
    """P(only baseline right), P(only candidate right) of two models whose being right correlates
    by ``phi``."""
    a, b = accuracy, accuracy - gap
    both = a * b + phi * math.sqrt(a * (1 - a) * b * (1 - b))
    return a - both, b - both


def drawn(
    rng: np.random.Generator, runs: int, looks: Sequence[int], lost: float, won: float
) -> list[tuple[Counts, Counts]]:
    """(b, c) of each run at each look, pairs independent."""
    steps = np.diff([0, *looks])
    parts = [rng.multinomial(s, [lost, won, 1 - lost - won], size=runs) for s in steps]
    return _cumulated(parts)


def recorded(
    rng: np.random.Generator, runs: int, looks: Sequence[int], table: Sequence[int]
) -> list[tuple[Counts, Counts]]:
    """(b, c) at each look of pairs drawn without replacement from (b, c, others) recorded ones."""
    left = np.tile(np.asarray(table), (runs, 1))
    parts = []
    for step in np.diff([0, *looks]):
        b = rng.hypergeometric(left[:, 0], left[:, 1] + left[:, 2], step)
        c = rng.hypergeometric(left[:, 1], left[:, 2], step - b)
        part = np.column_stack([b, c, step - b - c])
        left -= part
        parts.append(part)
    return _cumulated(parts)


def _cumulated(parts: Sequence[Counts]) -> list[tuple[Counts, Counts]]:
    return [(total[:, 0], total[:, 1]) for total in np.cumsum(parts, axis=0)]


def conditional(z: float, n: int, maximum: int, final: float, sd: float) -> float:
    """Futility as the product has it: conditional power under a true gap of 0."""
    return conditional_power(z, n, maximum, final, MARGIN, sd)


def predictive(z: float, n: int, maximum: int, final: float, _sd: float) -> float:
    """Predictive power: the gap is as uncertain as the pairs so far leave it (flat prior)."""
    ahead = final * math.sqrt(maximum) - z * maximum / math.sqrt(n)
    return float(ndtr(ahead / math.sqrt(maximum * (maximum - n) / n)))


def studies(
    counts: Sequence[tuple[Counts, Counts]],
    looks: Sequence[int],
    *,
    alpha: float = 0.05,
    futility: Futility | None = conditional,
) -> Runs:
    """Many sequential studies at once, with the mirror bound and, below 5 %, futility."""
    limits = bounds(looks, looks[-1], alpha)
    outcomes = np.zeros(len(counts[0][0]), dtype=np.int64)
    pairs = np.full(len(outcomes), looks[-1])
    for (b, c), n, limit in zip(counts, looks, limits, strict=True):
        open_runs = np.flatnonzero(outcomes == CONTINUE)
        seen, which = np.unique(np.column_stack([b, c])[open_runs], axis=0, return_inverse=True)
        ends = np.array([_ending(*bc, n, looks[-1], limit, limits[-1], futility) for bc in seen])
        if len(open_runs):
            outcomes[open_runs] = ends[which.ravel()]
            pairs[open_runs[ends[which.ravel()] != CONTINUE]] = n
    return Runs(outcomes, pairs)


def _ending(
    b: int, c: int, n: int, maximum: int, limit: float, final: float, futility: Futility | None
) -> int:
    z = tango_z(float(b), float(c), n, MARGIN)
    if z < limit:
        return ROUTE
    if z > -limit:
        return KEEP
    if futility and n < maximum:
        power = futility(z, n, maximum, final, math.sqrt((b + c) / n))
        return FUTILE if power < 0.05 else CONTINUE
    return CONTINUE


def recorded_table(folder: Path, task: str, baseline: str, candidate: str) -> tuple[int, int, int]:
    """(only baseline right, only candidate right, others) over a recording's scored rows."""
    b = c = others = 0
    with gzip.open(folder / f"{task}.jsonl.gz", "rt", encoding="utf-8") as rows:
        for row in map(json.loads, rows):
            sides = [row["responses"].get(m, {}).get("score") for m in (baseline, candidate)]
            if None in sides:
                continue
            b += sides == [1, 0]
            c += sides == [0, 1]
            others += sides[0] == sides[1]
    return b, c, others


# -- graded scores ------------------------------------------------------------------------------


def rare_drops(share: float, drop: float, noise: float, gap: float = MARGIN) -> Draw:
    """Differences with mean ``gap``: a few of ``drop``, the rest steady up to normal noise."""

    def draw(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
        fell = (rng.random(n) < share) * drop
        return np.clip(fell + rng.normal(gap - share * drop, noise, n), -1.0, 1.0)

    return draw


def graded_upper(differences: NDArray[np.float64], z_crit: float = Z_95) -> float:
    """The gap's upper bound as the product gives it, from differences alone."""
    return graded_interval(differences.clip(0), (-differences).clip(0), z_crit, 0.05).high


def bootstrap_upper(differences: NDArray[np.float64]) -> float:
    """The same by BCa alone."""
    return mean_bounds(differences, Z_95)[1]


def graded_acceptance(
    draw: Draw,
    n: int,
    runs: int,
    seed: int,
    upper: Callable[[NDArray[np.float64]], float] = graded_upper,
) -> float:
    """How often one look at ``n`` graded pairs puts the gap's upper bound below the margin."""
    rng = np.random.default_rng(seed)
    return sum(upper(draw(rng, n)) < MARGIN for _ in range(runs)) / runs


def graded_studies(draw: Draw, looks: Sequence[int], runs: int, seed: int) -> float:
    """How often a sequential study of graded pairs accepts the candidate."""
    rng = np.random.default_rng(seed)
    limits = bounds(looks, looks[-1], 0.05)
    accepted = 0
    for _ in range(runs):
        differences = draw(rng, looks[-1])
        accepted += any(
            graded_upper(differences[:n], -limit) < MARGIN
            for n, limit in zip(looks, limits, strict=True)
        )
    return accepted / runs


# -- many tasks ---------------------------------------------------------------------------------


def fleet(
    gaps: Sequence[float], n: int, discordance: float, runs: int, seed: int
) -> tuple[float, float, float]:
    """Share of fleets with a false route, by the point rule, by each task's own test at 5 %, and
    among the routes that Benjamini-Hochberg marks at q = .10."""
    rng = np.random.default_rng(seed)
    false = np.zeros(3)
    cells = [((discordance + g) / 2, (discordance - g) / 2) for g in gaps]
    draws = [rng.multinomial(n, [*cell, 1 - sum(cell)], size=runs) for cell in cells]
    p_of: dict[tuple[int, int], float] = {}
    for run in zip(*draws, strict=True):
        counts = [(int(b), int(c)) for b, c, _ in run]
        for b, c in counts:
            if (b, c) not in p_of:
                p_of[b, c] = float(ndtr(tango_z(b, c, n, MARGIN)))
        p_values = [p_of[bc] for bc in counts]
        marked = benjamini_hochberg(p_values, 0.10)
        bad = [g >= MARGIN for g in gaps]
        false += (
            any(x and b - c <= MARGIN * n for x, (b, c) in zip(bad, counts, strict=True)),
            any(x and p < 0.05 for x, p in zip(bad, p_values, strict=True)),
            any(x and m and p < 0.05 for x, m, p in zip(bad, marked, p_values, strict=True)),
        )
    point, own, marked_share = (false / runs).tolist()
    return point, own, marked_share
