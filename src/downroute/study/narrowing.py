"""Where the candidate holds: a break found between the pairs, and what lies inside it confirmed.

Two ways lead to a narrowed route. Where the whole task was shown good enough, cutting out a side
that is worse than the rest leaves a rest that is better than the whole, so nothing more needs to
be shown. Where it was not, the inside is a new hypothesis, and is tested by the same sequential
test at the same level on pairs that did not help to place the boundary. Either way at most one
test of each kind may err, and the second is only made where the first did not pass.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from downroute.records import Bounds, Example, Json
from downroute.stats.interval import Interval
from downroute.study.boundary_search import Ask, breaks_between, search
from downroute.study.breaks import Break, may_hold_somewhere
from downroute.study.confirming import confirm, cross_fitted
from downroute.study.look import Rules, Scores
from downroute.study.pairs import Pair
from downroute.study.prepared import PreparedTask
from downroute.study.slices import Z_95, Slice
from downroute.study.traffic import weighed
from downroute.study.verdict import Judgement, Outcome

ENOUGH = 0.5
"""As many more requests in the log, beside those measured, are left to confirm by."""


@dataclass(frozen=True, slots=True)
class Narrowing:
    """It holds inside ``when``. ``whole`` is the task's own gap, ``outside`` that of the pairs cut
    out; ``share`` of the traffic lies inside. ``judgement`` is the test of the ``fresh`` pairs
    inside, ``None`` where the whole task was shown and none was needed."""

    when: Mapping[str, Bounds]
    outside: Slice
    inside: Slice
    whole: Interval | None
    share: float
    p_value: float
    judgement: Judgement | None = None
    fresh: tuple[Pair, ...] = ()
    """The pairs the judgement is of."""
    further: tuple[Example, ...] = ()
    """The examples asked to confirm it."""
    breaks: tuple[Break, ...] = ()
    cross_fitted: bool = False
    """Whether pairs of the sample are among ``fresh``, each inside a boundary found without it."""
    grown: tuple[Pair, ...] = ()
    """Pairs beyond the sample that were asked for to find the break."""

    @property
    def confirmed(self) -> bool:
        return self.judgement is None or self.judgement.outcome is Outcome.ROUTE

    def holds(self, example: Example) -> bool:
        return all(b.holds(example) for b in self.breaks)

    def words(self) -> str:
        """``holds up to 619 input_words``; several bounds joined by "and"."""
        return "holds " + " and ".join(_bounds_words(n, b) for n, b in self.when.items())

    def as_json(self) -> dict[str, Json]:
        return {
            "when": when_json(self.when),
            "words": self.words(),
            "confirmed": self.confirmed,
            "fresh_pairs": len(self.fresh),
            "cross_fitted": self.cross_fitted,
            "share": self.share,
            "p_value": self.p_value,
        }


async def narrow(
    task: PreparedTask, judgement: Judgement, pairs: list[Pair], rules: Rules, ask: Ask
) -> Narrowing | None:
    """Where the candidate holds, if not everywhere; ``None`` where no break is found.

    ``pairs`` are those of the task so far, in order; ``ask`` measures examples and appends theirs.

    Raises:
        BudgetError, TaskStoppedError: as asking does.
    """
    if any(p.to_grade for p in pairs):
        return None
    by_id = {e.id: e for e in task.examples}
    margin = judgement.looks[-1].margin if judgement.looks else rules.margin
    if judgement.outcome is Outcome.ROUTE:
        rest = task.examples[len(pairs) :]
        breaks, _ = await search(list(pairs), by_id, rest, margin, rules.seed, ask)
        return _described(breaks, pairs, by_id, rules) if breaks else None
    if not may_hold_somewhere(pairs, by_id, margin):
        return None
    await ask(task.examples[len(pairs) :])
    sample, further = list(pairs), task.further()
    if len(further) < ENOUGH * len(sample):
        breaks = breaks_between(sample, by_id, margin, rules.seed)
        known = cross_fitted(sample, by_id, margin, rules.seed) if breaks else []
        grown: tuple[Pair, ...] = ()
    else:
        known = []
        more = further[: len(sample)] if len(further) >= (1 + ENOUGH) * len(sample) else ()
        breaks, grown = await search(sample, by_id, more, margin, rules.seed, ask)
        by_id |= {e.id: e for e in more}
        further = further[len(grown) :]
    if not breaks:
        return None
    found = _described(breaks, [*sample, *grown], by_id, rules)
    inside = [e for e in further if found.holds(e)][: max(len(task.examples) - len(known), 0)]
    confirmed, fresh = await confirm(known, inside, rules, ask)
    return replace(
        found,
        judgement=confirmed,
        fresh=tuple(fresh),
        further=tuple(inside),
        grown=grown,
        cross_fitted=bool(known),
    )


def _described(
    breaks: tuple[Break, ...], pairs: Sequence[Pair], examples: Mapping[str, Example], rules: Rules
) -> Narrowing:
    known = [p for p in weighed(pairs) if p.difference is not None]
    inside = [p for p in known if all(b.holds(examples[p.example_id]) for b in breaks)]
    names = {p.example_id for p in inside}
    outside = [p for p in known if p.example_id not in names]
    when = _merged(breaks)
    return Narrowing(
        when=when,
        inside=_slice("inside", inside, rules),
        outside=_slice("outside", outside, rules),
        whole=Scores.of(known).interval(Z_95, rules),
        share=math.fsum(p.weight for p in inside) / math.fsum(p.weight for p in known),
        p_value=max(b.p_value for b in breaks),
        breaks=breaks,
    )


def _slice(name: str, pairs: Sequence[Pair], rules: Rules) -> Slice:
    scores = Scores.of(pairs)
    return Slice(name, scores.pairs, scores.interval(Z_95, rules))


def _merged(breaks: Sequence[Break]) -> dict[str, Bounds]:
    when: dict[str, Bounds] = {}
    for one in breaks:
        old, new = when.get(one.feature, Bounds()), one.inside
        low = [b for b in (old.min, new.min) if b is not None]
        high = [b for b in (old.max, new.max) if b is not None]
        among = [b for b in (old.among, new.among) if b is not None]
        when[one.feature] = Bounds(
            max(low, default=None),
            min(high, default=None),
            frozenset.intersection(*among) if among else None,
        )
    return when


def when_json(when: Mapping[str, Bounds]) -> dict[str, Json]:
    """``when`` as it stands in a policy."""
    return {
        name: {
            **({} if b.min is None else {"min": _plain(b.min)}),
            **({} if b.max is None else {"max": _plain(b.max)}),
            **({} if b.among is None else {"in": sorted(b.among)}),
        }
        for name, b in when.items()
    }


def _plain(number: float) -> float | int:
    return int(number) if number == int(number) else number


def _bounds_words(name: str, bounds: Bounds) -> str:
    if bounds.among is not None:
        return f"for {bounds.told(name)}"
    if bounds.min is None:
        return f"up to {bounds.max:g} {name}"
    if bounds.max is None:
        return f"from {bounds.min:g} {name}"
    return f"from {bounds.min:g} to {bounds.max:g} {name}"
