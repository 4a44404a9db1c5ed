"""How many pairs a boundary is looked for in: those there are, and more where one shows dimly."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from downroute.records import Example
from downroute.study.breaks import LEVEL, Break, find_break
from downroute.study.pairs import Pair

MOST_BREAKS = 3

DIM = 0.2
"""A boundary as clear as this share of chance ones is worth a second look at more pairs."""

Ask = Callable[[Sequence[Example]], Awaitable[Sequence[Pair]]]
"""Measures examples and gives their pairs."""


async def search(
    pairs: Sequence[Pair],
    examples: Mapping[str, Example],
    more: Sequence[Example],
    margin: float,
    seed: int,
    ask: Ask,
) -> tuple[tuple[Break, ...], tuple[Pair, ...]]:
    """The breaks between ``pairs``, or where one shows only dimly, between those and ``more`` pairs
    asked for; and what was asked for. ``examples`` has the pairs' requests by id. Both looks
    share the error of one.

    Raises:
        BudgetError, TaskStoppedError: as asking does.
    """
    if not more:
        return breaks_between(pairs, examples, margin, seed), ()
    found = breaks_between(pairs, examples, margin, seed, LEVEL / 2)
    if found or find_break(pairs, examples, margin, seed, DIM) is None:
        return found, ()
    asked = tuple(await ask(more))
    both = {**examples, **{e.id: e for e in more}}
    return breaks_between([*pairs, *asked], both, margin, seed, LEVEL / 2), asked


def breaks_between(
    pairs: Sequence[Pair],
    examples: Mapping[str, Example],
    margin: float,
    seed: int,
    level: float = LEVEL,
) -> tuple[Break, ...]:
    """One break after another, each inside those before it."""
    found: list[Break] = []
    left = list(pairs)
    while len(found) < MOST_BREAKS:
        one = find_break(left, examples, margin, seed, level)
        if one is None:
            break
        found.append(one)
        left = [p for p in left if one.holds(examples[p.example_id])]
    return tuple(found)
