"""Which of a judge's pairs people label, drawn so that the labels can correct it. Pure.

Strata are what the judge said of the baseline's answer times what it said of the candidate's. In
each the pairs stand in the order of their ids, which are digests and so in no order at all;
they are labelled from the front. Labels that came any other way (a person picked them) are no
random sample and are left out until the pairs before them are labelled too.
"""

from __future__ import annotations

import bisect
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from downroute.study.pairs import Pair

PASSES_AT = 0.5
SKIPPED = 0.1
"""Up to this share of the pairs before a label may have been passed over."""
FIRST_BATCH = 50
EVEN = 0.5
"""Half of the labels are spread evenly over the strata, half by their size: rare verdicts of the
judge say most about its errors, frequent ones weigh most in the gap."""

FEW = 5
"""Labels that a stratum gets before any other gets more, and without which nothing is corrected."""

Key = tuple[bool, bool]


@dataclass(frozen=True, slots=True)
class Cell:
    """A stratum: the pairs whose labels count as a random sample of it, and the rest of them."""

    key: Key
    labelled: tuple[Pair, ...]
    rest: tuple[Pair, ...]

    @property
    def size(self) -> int:
        return len(self.labelled) + len(self.rest)


def cell_of(pair: Pair) -> Key:
    """Whether the judge passed the baseline's and the candidate's answer."""
    assert pair.judged is not None
    return pair.judged[0] >= PASSES_AT, pair.judged[1] >= PASSES_AT


def cells(pairs: Sequence[Pair], schedule: Sequence[int]) -> list[Cell]:
    """The strata of the judged pairs.

    Pairs of each look's own batch stand in an order of their own: a later batch comes unlabelled,
    and its pairs do not stand before labels that were drawn without them.
    """
    groups: dict[tuple[int, Key], list[Pair]] = defaultdict(list)
    for place, pair in enumerate(pairs):
        if pair.judged is not None:
            batch = bisect.bisect_right(schedule, place)
            groups[batch, cell_of(pair)].append(pair)
    labelled: dict[Key, list[Pair]] = defaultdict(list)
    rest: dict[Key, list[Pair]] = defaultdict(list)
    for (_, key), members in sorted(groups.items()):
        drawn = _drawn(members)
        taken = {p.example_id for p in drawn}
        labelled[key] += drawn
        rest[key] += [p for p in members if p.example_id not in taken]
    keys = sorted({key for _, key in groups})
    return [Cell(key, tuple(labelled[key]), tuple(rest[key])) for key in keys]


def ask_for_labels(pairs: Sequence[Pair], schedule: Sequence[int], count: int) -> list[Pair]:
    """``pairs`` with the next ``count`` to label marked as to be graded."""
    wanted = {p.example_id for p in next_labels(pairs, schedule, count)}
    return [replace(p, to_grade=True) if p.example_id in wanted else p for p in pairs]


def next_labels(pairs: Sequence[Pair], schedule: Sequence[int], count: int) -> list[Pair]:
    """The next ``count`` pairs of the draw, in the order in which each label that comes counts."""
    found = cells(pairs, schedule)
    due = allocation({c.key: c.size for c in found}, {c.key: len(c.labelled) for c in found}, count)
    waiting = {
        c.key: iter(sorted((p for p in c.rest if not p.graded), key=lambda p: p.key)) for c in found
    }
    drawn = (next(waiting[key], None) for key in due)
    return [pair for pair in drawn if pair is not None]


def next_batch(missing: int, labels: int) -> int:
    """How many of the ``missing`` labels to ask for at once: at most as many as there are, so that
    people stop early where the first ones say enough."""
    return min(missing, max(labels, FIRST_BATCH))


def allocation(sizes: Mapping[Key, int], have: Mapping[Key, int], more: int) -> list[Key]:
    """The strata, of these sizes, that the next ``more`` labels come from.

    One after another, each goes where it is most due (Sainte-Laguë), so that asking for more
    later adds to what was asked for now. A few in every stratum come first.
    """
    total = sum(sizes.values())
    due = {k: (1 - EVEN) * n / total + EVEN / len(sizes) for k, n in sizes.items()}
    given: Counter[Key] = Counter()
    order = []
    for _ in range(more):
        open_keys = [k for k in sorted(sizes) if have[k] + given[k] < sizes[k]]
        if not open_keys:
            break
        thin = [k for k in open_keys if have[k] + given[k] < FEW]
        order.append(max(thin or open_keys, key=lambda k: due[k] / (2 * (have[k] + given[k]) + 1)))
        given[order[-1]] += 1
    return order


def _drawn(members: Sequence[Pair]) -> list[Pair]:
    """Of the pairs in their order, the labelled ones up to the last before which hardly any was
    passed over."""
    ordered = sorted(members, key=lambda p: p.key)
    found: list[Pair] = []
    reach = 0
    for place, pair in enumerate(ordered, start=1):
        if pair.graded:
            found.append(pair)
            if len(found) >= (1 - SKIPPED) * place:
                reach = len(found)
    return found[:reach]
