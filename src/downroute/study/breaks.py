"""Where does the candidate stop being good enough? A search over boundaries of request features.

Every boundary of every feature, and every name of every category, splits the pairs in two. The
split whose worse side loses most clearly is taken, and is a break only if so clear a split is
rare where there is none: the pairs' outcomes are dealt out anew to the requests, the whole search
repeated, and the largest statistic of each such deal compared (Westfall & Young 1993, max-T). That
holds however many splits are tried and however they overlap. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from downroute.records import Bounds, Example, Json
from downroute.remembered import Remembered
from downroute.routing.features import CATEGORIES, FEATURES
from downroute.study.pairs import Pair

LEVEL = 0.02
"""The chance to report a break where the outcomes do not depend on any feature."""

FEWEST = 30
"""Pairs on either side of a boundary, at the least."""

PLAINLY = 1.0
"""Standard errors by which the outer side's gap must exceed the inner side's."""

PLACED_AMONG = 0.8
"""Boundaries of the feature found that are at least so clear compete for the likeliest place."""

DEALS = 999
AT_ONCE = 111
MOST_CUTS = 64
"""Boundaries tried on one feature."""

AS_CLEAR = 0.95
"""Of several splits this close to the clearest one, that of the feature named first is taken."""

Z_95 = 1.644854

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Break:
    """It holds ``inside`` these bounds of ``feature``; ``p_value`` is that of the whole search."""

    feature: str
    inside: Bounds
    p_value: float

    def holds(self, example: Example) -> bool:
        if self.feature in CATEGORIES:
            return self.inside.holds(CATEGORIES[self.feature](example.request))
        return self.inside.holds(FEATURES[self.feature](example.request))


@dataclass(frozen=True, slots=True)
class _Split:
    """``outside`` marks the pairs beyond the boundary."""

    feature: str
    inside: Bounds
    outside: NDArray[np.bool_]


def find_break(
    pairs: Sequence[Pair],
    examples: Mapping[str, Example],
    margin: float,
    seed: int = 0,
    level: float = LEVEL,
) -> Break | None:
    """The clearest break between ``pairs`` of known difference; ``None`` where there is none that
    would be rare (``level``) were there none.

    ``margin`` is in score units: beyond a break the estimated gap is above it.
    """
    known = [p for p in pairs if p.difference is not None]
    if len(known) < 2 * FEWEST:
        return None
    difference = np.array([p.difference or 0.0 for p in known])
    splits = _splits([examples[p.example_id] for p in known])
    if not splits or not difference.any():
        return None
    outside = np.array([s.outside for s in splits], dtype=float).T
    clear = _clearness(difference[None, :], outside, margin)[0]
    best = float(clear.max())
    anywhere = float(_clearness(difference[None, :], outside, margin, worse_only=False).max())
    if not np.isfinite(best) or best < AS_CLEAR * anywhere:
        # The clearest change is one of losses that wins make up for.
        return None
    p_value = _p_value(best, difference, outside, margin, seed, level)
    if p_value > level:
        return None
    near = [i for i in range(len(splits)) if clear[i] >= AS_CLEAR * best]
    feature = splits[near[0]].feature
    same = [i for i in range(len(splits)) if splits[i].feature == feature]
    close = [i for i in same if clear[i] >= PLACED_AMONG * clear[same].max()]
    chosen = max(close, key=lambda i: _likelihood(difference, splits[i].outside))
    return Break(feature, splits[chosen].inside, p_value)


def _likelihood(difference: Array, outside: NDArray[np.bool_]) -> float:
    """The log-likelihood of wins, ties and losses with shares of their own on either side: ties
    that become rarer place a boundary more sharply than the losses alone."""
    total = 0.0
    for side in (difference[outside], difference[~outside]):
        for count in (np.sum(side > 0), np.sum(side < 0), np.sum(side == 0)):
            total += float(count * np.log(count / len(side))) if count else 0.0
    return total


def may_hold_somewhere(
    pairs: Sequence[Pair], examples: Mapping[str, Example], margin: float
) -> bool:
    """Whether any side of any boundary might still be within ``margin``: its gap's lower end at
    95 %, taken as normal, is not above it. Where none is, looking on is not worth its cost."""
    known = [p for p in pairs if p.difference is not None]
    if not known:
        return False
    difference = np.array([p.difference or 0.0 for p in known])
    for split in _splits([examples[p.example_id] for p in known]):
        inside = difference[~split.outside]
        if inside.mean() - Z_95 * inside.std(ddof=1) / np.sqrt(len(inside)) <= margin:
            return True
    return False


def _p_value(
    best: float, difference: Array, outside: Array, margin: float, seed: int, level: float
) -> float:
    """The share of deals whose clearest split is as clear as ``best``; dealing ends as soon as that
    is surely above ``level`` (Besag & Clifford 1991), which it mostly is at once."""
    generator = np.random.default_rng(seed)
    reached = 0
    for start in range(0, DEALS, AT_ONCE):
        deals = min(AT_ONCE, DEALS - start)
        dealt = generator.permuted(np.tile(difference, (deals, 1)), axis=1)
        reached += int(np.sum(_clearness(dealt, outside, margin).max(axis=1) >= best - 1e-9))
        if (1 + reached) / (1 + DEALS) > level:
            break
    return (1 + reached) / (1 + DEALS)


def _clearness(
    differences: Array, outside: Array, margin: float, *, worse_only: bool = True
) -> Array:
    """How clearly each split's outer side is worse, as a z statistic; a row per deal.

    The larger of two: of the differences, and of the losses alone. Where wins and losses both
    become more frequent the second sees what the first blurs. With ``worse_only`` −∞ where
    the outer side's gap is not above the margin, or not plainly above the inner side's.
    """
    pairs = differences.shape[1]
    beyond = outside.sum(axis=0)
    lost = differences @ outside
    gap = lost / beyond
    rest = (differences.sum(axis=1, keepdims=True) - lost) / (pairs - beyond)
    losses = np.maximum(differences, 0.0)
    found = np.maximum(_z(differences, lost, beyond), _z(losses, losses @ outside, beyond))
    if not worse_only:
        return found
    squares = np.square(differences)
    squares_beyond = squares @ outside
    both = (squares_beyond / beyond - gap**2) / beyond
    left = squares.sum(axis=1, keepdims=True) - squares_beyond
    both = both + (left / (pairs - beyond) - rest**2) / (pairs - beyond)
    apart = gap - rest > PLAINLY * np.sqrt(np.maximum(both, 0.0))
    clear: Array = np.where((gap > margin) & apart, found, -np.inf)
    return clear


def _z(values: Array, beyond_sum: Array, beyond: Array) -> Array:
    """The sum beyond the boundary, standardised as that of so many drawn without replacement."""
    pairs = values.shape[1]
    mean = values.mean(axis=1, keepdims=True)
    variance = values.var(axis=1, ddof=1, keepdims=True) * beyond * (pairs - beyond) / pairs
    found: Array = (beyond_sum - beyond * mean) / np.sqrt(np.maximum(variance, 1e-12))
    return found


def _splits(examples: Sequence[Example]) -> list[_Split]:
    """Every boundary with enough pairs on both sides, those that split alike once."""
    found: dict[bytes, _Split] = {}
    known = [_known_of(e.request) for e in examples]
    for place, name in enumerate(FEATURES):
        values = np.array([numbers[place] for numbers, _ in known])
        for low, high in _cuts(values):
            for split in (
                _Split(name, Bounds(max=float(low)), values > low),
                _Split(name, Bounds(min=float(high)), values < high),
            ):
                found.setdefault(np.packbits(split.outside).tobytes(), split)
    for place, category in enumerate(CATEGORIES):
        names = np.array([words[place] for _, words in known])
        for name in np.unique(names):
            outside = names == name
            rest = frozenset(str(n) for n in np.unique(names[~outside]))
            split = _Split(category, Bounds(among=rest), outside)
            found.setdefault(np.packbits(outside).tobytes(), split)
    return [s for s in found.values() if FEWEST <= s.outside.sum() <= len(examples) - FEWEST]


def _cuts(values: Array) -> list[tuple[float, float]]:
    """Neighbouring values between which a boundary may lie, evenly over the pairs."""
    ordered = np.sort(values)
    places = np.flatnonzero(np.diff(ordered)) + 1
    places = places[(places >= FEWEST) & (places <= len(values) - FEWEST)]
    if len(places) > MOST_CUTS:
        wanted = np.linspace(FEWEST, len(values) - FEWEST, MOST_CUTS)
        places = np.unique(places[np.abs(places[None, :] - wanted[:, None]).argmin(axis=1)])
    return [(float(ordered[p - 1]), float(ordered[p])) for p in places]


def _features_of(request: Mapping[str, Json]) -> tuple[tuple[float, ...], tuple[str, ...]]:
    return (
        tuple(value_of(request) for value_of in FEATURES.values()),
        tuple(name_of(request) for name_of in CATEGORIES.values()),
    )


_known_of = Remembered(_features_of, most=20_000)
"""The features and categories of a request; searches are repeated over the same ones."""
