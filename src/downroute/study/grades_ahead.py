"""About how many more grades decide, as a range. Pure.

How the pairs that wait come out is drawn many times over: the shares of lost, won and tied pairs
from what the grades so far leave possible (Dirichlet, Jeffreys' prior on lost and won), then each
pair from these shares. Each time it is seen after how many grades a look ends the test, or none can
any more. Four of five such futures lie in the range.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from downroute.stats.normal import ndtr
from downroute.study.look import Look, Rules
from downroute.study.pairs import Pair
from downroute.study.traffic import weighed
from downroute.study.verdict import FUTILE_BELOW

Array = NDArray[np.float64]

FUTURES = 200
WITHIN = (0.1, 0.9)
PRIOR = {"lost": 0.5, "won": 0.5, "tied": 1.0}
"""How differing pairs come out, in grades, before there are any."""


def outcome_counts(graded: Sequence[Pair]) -> dict[str, float]:
    """How the graded pairs came out, with the prior; a pair in dispute counts in shares."""
    counts = dict(PRIOR)
    for pair in graded:
        difference = pair.difference or 0.0
        counts["lost"] += max(difference, 0.0)
        counts["won"] += max(-difference, 0.0)
        counts["tied"] += 1.0 - abs(difference)
    return counts


def grades_ahead(
    pairs: Sequence[Pair], ways: Sequence[Sequence[Pair]], looks: Sequence[Look], rules: Rules
) -> tuple[int, int]:
    """(few, many): about how many of the pairs that wait it takes. ``ways`` are orders in which
    they may come to be graded; which it is turns out on the way, so all count alike."""
    counts = outcome_counts([p for p in pairs if p.graded])
    random = np.random.default_rng([rules.seed, len(ways[0])])
    size = max(FUTURES // len(ways), 20), len(ways[0])
    shares = random.dirichlet(list(counts.values()), size[0])
    chance = random.random(size)
    lost = chance < shares[:, :1]
    won = ~lost & (chance < shares[:, :1] + shares[:, 1:2])
    needed = np.concatenate([_needed(pairs, way, lost, won, looks) for way in ways])
    few, many = np.quantile(needed, WITHIN, method="inverted_cdf")
    return int(few), int(many)


def _needed(
    pairs: Sequence[Pair],
    ordered: Sequence[Pair],
    lost: NDArray[np.bool_],
    won: NDArray[np.bool_],
    looks: Sequence[Look],
) -> NDArray[np.int64]:
    """By future, after how many grades it is over."""
    over = np.zeros_like(lost)
    undecided = np.zeros_like(over)
    for look in looks:
        ends, could_end = _read(pairs, ordered, lost, won, look, looks[-1])
        over |= ends
        undecided |= could_end
    over |= ~undecided
    over[:, -1] = True
    return np.asarray(over.argmax(axis=1) + 1, dtype=np.int64)


def _read(
    pairs: Sequence[Pair],
    ordered: Sequence[Pair],
    lost: NDArray[np.bool_],
    won: NDArray[np.bool_],
    look: Look,
    final: Look,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """By future and number of grades: whether ``look`` ends the test, and whether it still could.

    Pairs of uneven weight count as so many even ones as are about as precise (Kish).
    """
    seen = [p for p in weighed(pairs[: look.examples]) if p.unscored is None]
    total = sum(p.weight for p in seen)
    even = total / sum(p.weight**2 for p in seen)
    n = even * total
    differences = [(even * p.weight, p.difference or 0.0) for p in seen if not p.to_grade]
    weight_of = {p.key: even * p.weight for p in seen if p.to_grade}
    weights = np.array([weight_of.get(p.key, 0.0) for p in ordered])
    losses = sum(w * max(d, 0.0) for w, d in differences) + np.cumsum(lost * weights, axis=1)
    wins = sum(w * max(-d, 0.0) for w, d in differences) + np.cumsum(won * weights, axis=1)
    left = np.maximum(weights.sum() - np.cumsum(weights), 0.0)
    worst = tango_many(losses + left, wins, n, look.margin)
    best = tango_many(losses, wins + left, n, look.margin)
    bound = look.z_bound
    ends = (worst < bound) | (best > -bound)
    could_end = ~ends & ((best < bound) | (worst > -bound))
    if look is not final:
        # With all its pairs graded a look may also show that going on is futile.
        going = _power(worst, losses + wins, n, n * final.examples / look.examples, final, look)
        ends |= (left < 1e-9) & (going < FUTILE_BELOW)
    return ends, could_end


def _power(z: Array, differ: Array, n: float, most: float, final: Look, look: Look) -> Array:
    """`stats.sequential.conditional_power` of many futures."""
    left = most - n
    spread = np.sqrt(np.maximum(differ, 1e-9) / n)
    reach = final.z_bound * np.sqrt(most) - z * np.sqrt(n) + left * look.margin / spread
    return np.asarray(ndtr(reach / np.sqrt(left)), dtype=np.float64)


def tango_many(losses: Array, wins: Array, n: float, margin: float) -> Array:
    """`stats.noninferiority.tango_z` of many counts at once."""
    linear = (2.0 * n - losses + wins) * margin - losses - wins
    constant = wins * margin * (1.0 - margin)
    root = np.sqrt(np.maximum(linear**2 + 8.0 * n * constant, 0.0))
    rising = linear > 0.0
    q = np.where(
        rising,
        2.0 * constant / np.where(rising, linear + root, 1.0),
        (root - linear) / (4.0 * n),
    )
    variance = n * (2.0 * q + margin * (1.0 - margin))
    return np.asarray((losses - wins - n * margin) / np.sqrt(variance), dtype=np.float64)
