"""Where a verdict is weakest: the gap within slices of the examples. Pure.

Shown, never decided by: of several slices one is always the worst, and its interval is the one it
would have alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from downroute.records import Example
from downroute.routing.features import CATEGORIES, FEATURES
from downroute.stats.interval import Interval
from downroute.study.look import Rules, Scores
from downroute.study.pairs import Pair

FEWEST = 30
"""Pairs below which a slice's gap is mostly noise."""

Z_95 = 1.644854


@dataclass(frozen=True, slots=True)
class Slice:
    """The gap of those pairs whose examples share something; ``name`` says what."""

    name: str
    pairs: int
    interval: Interval


def worst_slice(
    pairs: Sequence[Pair], examples: Mapping[str, Example], rules: Rules
) -> Slice | None:
    """The slice with the largest gap; ``None`` where no slice has enough pairs.

    Slices are the source's own (`Example.slice`), each category, thirds of each request feature.
    """
    known = [p for p in pairs if p.difference is not None]
    found = []
    for name, members in _slices(known, examples).items():
        if FEWEST <= len(members) < len(known):
            scores = Scores.of(members)
            found.append(Slice(name, scores.pairs, scores.interval(Z_95, rules)))
    return max(found, key=lambda s: s.interval.estimate, default=None)


def _slices(pairs: Sequence[Pair], examples: Mapping[str, Example]) -> dict[str, list[Pair]]:
    members: dict[str, list[Pair]] = {}
    for pair in pairs:
        own = examples[pair.example_id].slice
        if own is not None:
            members.setdefault(own, []).append(pair)
        for category, name_of in CATEGORIES.items():
            named = f"{category} {name_of(examples[pair.example_id].request)}"
            members.setdefault(named, []).append(pair)
    for feature, value_of in FEATURES.items():
        values = {p.example_id: value_of(examples[p.example_id].request) for p in pairs}
        if len(values) < FEWEST or len(set(values.values())) < 2:
            continue
        ordered = sorted(values.values())
        low, high = ordered[len(ordered) // 3 - 1], ordered[2 * len(ordered) // 3 - 1]
        thirds = {
            f"{feature} ≤ {low:g}": (float("-inf"), low),
            f"{low:g} < {feature} ≤ {high:g}": (low, high),
            f"{feature} > {high:g}": (high, float("inf")),
        }
        for name, (above, to) in thirds.items():
            members[name] = [p for p in pairs if above < values[p.example_id] <= to]
    return members
