"""Which calls escalate more than the others: groups found one after the other.

Sequential covering (Clark & Niblett 1989) with an honest test: the condition that tells the
escalated calls best from the others is taken, narrowed while narrowing is significant on its own,
and its calls are set aside before the next one is looked for. Fisher's exact test is corrected
(Bonferroni) for every condition that could have been taken, in each round for all rounds so far.
Calls of one session, and the same request again, are one unit: they are tested once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from downroute.reports.escalation_conditions import FEWEST, Mask, Selector
from downroute.reports.escalation_values import JudgedCall
from downroute.reports.escalation_words import Words
from downroute.stats.proportion import fisher_greater

ALPHA = 0.01
"""Of a hundred logs in which nothing stands out, about one is said to have a group."""
ESTABLISHED = 0.001
"""Above this a finding is exploratory; below it a group may be narrowed."""
LEAST_LIFT = 1.25
MOST_GROUPS = 5
MOST_CONDITIONS = 3
NEW = 0.5
"""Share of a group's calls, at least, that stand in no earlier one."""
ROUTABLE = 0.7
"""A group that a policy can ask for is taken where it tells so much of what the best one does."""
NEARLY = 0.9
"""Of conditions that tell about the same, one of the first of these kinds is taken."""
KINDS = ("number", "category", "format", "tool", "word", "cluster")

Counts = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Found:
    """A group: its conditions, all calls they hold for, Fisher's p corrected for ``tests``
    conditions, and the units that were tested: those that stand in no earlier group."""

    parts: tuple[Selector, ...]
    holds: Mask
    p: float
    tests: int
    units: int

    @property
    def routable(self) -> bool:
        return all(s.condition.when is not None for s in self.parts)


def find_groups(
    calls: Sequence[JudgedCall], words: Mapping[str, Words], choices: Sequence[Selector]
) -> list[Found]:
    """The groups among ``calls``, the clearest first."""
    if not choices:
        return []
    search = _Search(calls, words, choices)
    alive = np.ones(len(calls), dtype=bool)
    found: list[Found] = []
    while len(found) < MOST_GROUPS:
        group = search.best(alive, rounds=len(found) + 1)
        if group is None:
            break
        found.append(group)
        alive &= ~group.holds
    return found


class _Search:
    """The calls as a table: a row for each condition, a column for each unit."""

    def __init__(
        self,
        calls: Sequence[JudgedCall],
        words: Mapping[str, Words],
        choices: Sequence[Selector],
    ) -> None:
        self.choices = choices
        self.first = _first_of_units(calls, words)
        self.escalated = np.array([not calls[i].passed for i in self.first], dtype=np.float32)
        self.all_holds = np.stack([s.holds for s in choices]).astype(np.float32)
        self.table = self.all_holds[:, self.first]
        self.kind = np.array([KINDS.index(s.condition.kind) // 2 for s in choices])
        self.usable = np.array([s.condition.when is not None for s in choices])

    def best(self, alive: Mask, rounds: int) -> Found | None:
        """The clearest group among the calls that are left; ``None`` where none is significant."""
        every = np.ones(len(self.choices), dtype=bool)
        any_ = self._grown(alive, every, rounds)
        if any_ is None or any_.routable:
            return any_
        usable = self._grown(alive, self.usable, rounds)
        if usable is None:
            return any_
        told = self._told(usable.holds, alive)
        return usable if told >= ROUTABLE * self._told(any_.holds, alive) else any_

    def _grown(self, alive: Mask, allowed: Mask, rounds: int) -> Found | None:
        """The group that begins with the clearest of the ``allowed`` conditions."""
        fresh = self.all_holds @ alive >= NEW * self.all_holds.sum(axis=1)
        whole = np.ones(len(alive), dtype=bool)
        parts: list[Selector] = []
        p, tests = 1.0, 0
        while len(parts) < MOST_CONDITIONS:
            step = self._step(whole & alive, allowed if parts else allowed & fresh)
            if step is None:
                break
            index, chance, among = step
            # The first condition stands against all that could have been taken, whether or not
            # a policy could ask for them; each further one against those that could narrow it.
            corrected = min(1.0, chance * among * (1 if parts else rounds))
            if corrected > (ESTABLISHED if parts else ALPHA):
                break
            narrowed = whole & self.choices[index].holds
            if not parts:
                p, tests = corrected, among * rounds
            elif self._told(narrowed, alive) < self._told(whole, alive):
                # Purer, but it leaves too many of the escalated calls behind.
                break
            parts.append(self.choices[index])
            whole = narrowed
        inside = whole & alive
        if not parts or inside.sum() < NEW * whole.sum():
            return None
        return Found(tuple(parts), whole, p, tests, int(inside[self.first].sum()))

    def _step(self, inside: Mask, allowed: Mask) -> tuple[int, float, int] | None:
        """The best next condition on the units ``inside``: its index, Fisher's p, and how many
        conditions were looked at."""
        unit = inside[self.first]
        everything, hits = int(unit.sum()), float(self.escalated[unit].sum())
        if everything < 2 * FEWEST or hits in (0.0, float(everything)):
            return None
        of = (self.table @ unit.astype(np.float32)).astype(np.float64)
        escalated = (self.table @ (self.escalated * unit)).astype(np.float64)
        sized = (of >= FEWEST) & (of <= everything - FEWEST / 2)
        told = _g(escalated, of, hits, everything)
        rest = (hits - escalated) / np.maximum(everything - of, 1)
        higher = escalated / np.maximum(of, 1) >= LEAST_LIFT * rest
        told = np.where(sized & allowed & higher, told, 0.0)
        if told.max() <= 0:
            return None
        near = told >= NEARLY * told.max()
        index = int(np.argmax(np.where(self.kind == self.kind[near].min(), told * near, 0.0)))
        chance = fisher_greater(int(escalated[index]), int(of[index]), int(hits), everything)
        return index, chance, int(sized.sum())

    def _told(self, group: Mask, alive: Mask) -> float:
        """How much a group tells of what escalated among the calls that are left."""
        unit = alive[self.first]
        inside = group[self.first] & unit
        hits = float(self.escalated[unit].sum())
        of, escalated = np.array([inside.sum()]), np.array([self.escalated[inside].sum()])
        return float(_g(escalated.astype(float), of.astype(float), hits, int(unit.sum()))[0])


def _first_of_units(calls: Sequence[JudgedCall], words: Mapping[str, Words]) -> NDArray[np.int64]:
    """The places of the calls that begin a session, or ask what was not asked before."""
    seen: set[str] = set()
    first = []
    for i, call in enumerate(calls):
        said = words.get(call.id)
        marks = {call.unit} if said is None else {call.unit, said.digest}
        if not marks & seen:
            first.append(i)
        seen |= marks
    return np.array(first, dtype=np.int64)


def _g(hits: Counts, of: Counts, all_hits: float, everything: int) -> Counts:
    """The log-likelihood ratio G of each two-by-two table of in or out, escalated or not."""
    rest, passed = everything - of, everything - all_hits
    cells = (
        (hits, of, all_hits),
        (of - hits, of, passed),
        (all_hits - hits, rest, all_hits),
        (rest - (all_hits - hits), rest, passed),
    )
    total = np.zeros_like(hits)
    for observed, row, column in cells:
        expected = row * column / everything
        safe = np.where(observed > 0, observed, 1.0) / np.where(expected > 0, expected, 1.0)
        total += np.where(observed > 0, observed * np.log(safe), 0.0)
    return 2 * total
