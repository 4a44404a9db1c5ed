"""Whether the candidate holds inside a boundary, told by pairs that did not help to place it.

Best are fresh pairs: requests of the log that nobody had looked at. Where the log holds too few,
the pairs at hand are dealt into parts, and each part is held against the boundary that all other
parts place. So every pair is tested against a boundary found without it, none is spent on the
search alone, and what is tested is how such boundaries do, of which the one served is found in
the most pairs (cross-fitting, as cascades are calibrated).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from downroute.records import Example
from downroute.stats.sequential import default_looks
from downroute.study.boundary_search import Ask, breaks_between
from downroute.study.look import Rules
from downroute.study.pairs import Pair
from downroute.study.plan import fewest_pairs
from downroute.study.verdict import Judgement, Outcome, judge

PARTS = 5

CAUTION = 0.8
"""The share of the error that a test of cross-fitted pairs may use. They are not quite as good as
fresh ones: at all of it, simulated insides at the margin pass in up to 6 of 100 studies."""


def cross_fitted(
    pairs: Sequence[Pair], examples: Mapping[str, Example], margin: float, seed: int
) -> list[Pair]:
    """The pairs inside, each by the breaks that the other parts show; where those show none, it
    counts as inside."""
    placed = [
        breaks_between(
            [p for i, p in enumerate(pairs) if i % PARTS != part], examples, margin, seed
        )
        for part in range(PARTS)
    ]
    return [
        pair
        for i, pair in enumerate(pairs)
        if all(b.holds(examples[pair.example_id]) for b in placed[i % PARTS])
    ]


async def confirm(
    known: Sequence[Pair], inside: Sequence[Example], rules: Rules, ask: Ask
) -> tuple[Judgement, list[Pair]]:
    """The sequential test of pairs inside: those ``known`` at the first look, then those of the
    examples ``inside``.

    Raises:
        BudgetError, TaskStoppedError: as asking does.
    """
    found = list(known)
    planned = len(known) + len(inside)
    judgement = Judgement(Outcome.INCONCLUSIVE, None, (), 0)
    if planned < fewest_pairs(rules.margin, alpha=rules.alpha):
        return judgement, found
    alpha = rules.alpha * CAUTION if known else rules.alpha
    schedule = tuple(n for n in default_looks(planned) if n > len(known))
    if len(known) >= fewest_pairs(rules.margin, alpha=rules.alpha):
        # Pairs that are there cost nothing to look at, and looks before they all count only blur.
        schedule = (len(known), *schedule)
    own = replace(rules, schedule=schedule, alpha=alpha)
    for done, until in enumerate(schedule, start=1):
        wanted = inside[max(len(found) - len(known), 0) : max(until - len(known), 0)]
        if wanted:
            found += await ask(wanted)
        judgement = judge(found, done, own)
        if judgement.outcome is not None:
            break
    return judgement, found
