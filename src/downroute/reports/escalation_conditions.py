"""The conditions by which calls may be told apart, each with the calls it holds for.

None of them looks at what escalated: which are looked at does not depend on what is found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from downroute.records import Bounds
from downroute.reports.escalation_clusters import clusters
from downroute.reports.escalation_values import Condition, JudgedCall
from downroute.reports.escalation_words import Words

FEWEST = 20
"""Calls a group has at least."""
LEAST_SHARE, MOST_SHARE = 0.01, 0.9
"""What part of a task's calls a condition may hold for."""
FEW_VALUES = 12
"""Up to so many values of a number, each is a threshold; beyond, its quantiles are."""
QUANTILES = 19
MOST_WORDS = 500
MOST_NAMES = 100
"""Of each category, and of tools."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Selector:
    """A condition with the calls it holds for, in their order. ``subject`` is what it asks
    about, such as a number's name."""

    condition: Condition
    subject: str
    holds: Mask


def selectors(calls: Sequence[JudgedCall], words: Mapping[str, Words]) -> list[Selector]:
    """Every condition that holds for some of the calls and not for nearly all; of those that
    hold for the very same calls the first. ``words`` are of the calls whose words are kept."""
    kept = [words.get(c.id) for c in calls]
    found: list[Selector] = []
    known: set[bytes] = set()
    for selector in _all(calls, kept):
        size = int(selector.holds.sum())
        if not max(FEWEST, LEAST_SHARE * len(calls)) <= size <= MOST_SHARE * len(calls):
            continue
        identity = np.packbits(selector.holds).tobytes()
        if identity not in known:
            known.add(identity)
            found.append(selector)
    return found


def _all(calls: Sequence[JudgedCall], kept: Sequence[Words | None]) -> Iterator[Selector]:
    """The likeliest to be of use in a route come first."""
    own = [{} if w is None else w.numbers for w in kept]
    yield from _numbers(own)
    yield from _categories("fingerprint", [c.fingerprint or None for c in calls])
    for name in dict.fromkeys(n for w in kept if w is not None for n in w.categories):
        yield from _categories(name, [None if w is None else w.categories.get(name) for w in kept])
    yield from _numbers([c.features for c in calls])
    yield from _members("tool", [frozenset() if w is None else w.tools for w in kept], MOST_NAMES)
    formats = [frozenset((w.format,)) if w and w.format else frozenset() for w in kept]
    yield from _members("format", formats, MOST_NAMES)
    yield from _members("word", [frozenset() if w is None else w.asked for w in kept], MOST_WORDS)
    for name, holds in clusters([None if w is None else w.asked for w in kept]):
        yield Selector(Condition("cluster", f"is about {name}"), "cluster", holds)


def _numbers(rows: Sequence[Mapping[str, float]]) -> Iterator[Selector]:
    for name in dict.fromkeys(n for row in rows for n in row):
        values = np.array([row.get(name, np.nan) for row in rows])
        known = values[~np.isnan(values)]
        for cut in _cuts(known):
            yield _bounded(name, values >= cut, Bounds(min=cut))
            yield _bounded(name, values <= cut, Bounds(max=cut))
            if np.count_nonzero(known == cut) >= FEWEST:
                yield _bounded(name, values == cut, Bounds(min=cut, max=cut))


def _cuts(values: NDArray[np.float64]) -> list[float]:
    """Thresholds with three significant digits, so that they can be read and typed."""
    different = np.unique(values)
    if len(different) > FEW_VALUES:
        different = np.unique(np.quantile(values, np.linspace(0, 1, QUANTILES + 2)[1:-1]))
    return list(dict.fromkeys(float(f"{value:.3g}") for value in different))


def _bounded(name: str, holds: Mask, bounds: Bounds) -> Selector:
    if bounds.min is not None and bounds.min == bounds.max:
        words = f"{name} is {bounds.min:g}"
    elif bounds.min is not None:
        words = f"{name} ≥ {bounds.min:g}"
    else:
        words = f"{name} ≤ {bounds.max:g}"
    return Selector(Condition("number", words, {name: bounds}), name, holds)


def _categories(name: str, values: Sequence[str | None]) -> Iterator[Selector]:
    column = np.array(values, dtype=object)
    counted = Counter(v for v in values if v is not None)
    for value, _ in counted.most_common(MOST_NAMES):
        condition = Condition(
            "category", f"{name} is {value}", {name: Bounds(among=frozenset((value,)))}
        )
        yield Selector(condition, name, np.equal(column, value).astype(bool))


def _members(kind: str, rows: Sequence[frozenset[str]], most: int) -> Iterator[Selector]:
    counted = Counter(name for row in rows for name in row)
    common = {
        name: i
        for i, (name, calls) in enumerate(
            (n, c)
            for n, c in counted.most_common()
            if max(FEWEST, LEAST_SHARE * len(rows)) <= c <= MOST_SHARE * len(rows)
        )
        if i < most
    }
    table = np.zeros((len(common), len(rows)), dtype=bool)
    for column, row in enumerate(rows):
        for name in row:
            if name in common:
                table[common[name], column] = True
    said = {"tool": "offers the tool {}", "format": "asks for the format {}", "word": "says “{}”"}
    for name, index in common.items():
        yield Selector(Condition(kind, said[kind].format(name)), f"{kind} {name}", table[index])
