"""Where the candidate holds: a break found between the pairs, and what lies inside it confirmed.

Two ways lead to a narrowed route. Where the whole task was shown good enough, cutting out a side
that is worse than the rest leaves a rest that is better than the whole, so nothing more needs to
be shown. Where it was not, the inside is a new hypothesis, and is tested by the same sequential
test at the same level on *fresh* pairs: requests of the log beyond those that found the break, or
where the log holds too few, every other pair, kept out of the search. Either way at most one test
of each kind may err, and the second is only made where the first did not pass.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from downroute.records import Bounds, Example, Json
from downroute.stats.interval import Interval
from downroute.stats.sequential import default_looks
from downroute.study.breaks import Break, find_break, may_hold_somewhere
from downroute.study.look import Rules, Scores
from downroute.study.pairs import Pair
from downroute.study.plan import fewest_pairs
from downroute.study.prepared import PreparedTask
from downroute.study.slices import Z_95, Slice
from downroute.study.traffic import weighed
from downroute.study.verdict import Judgement, Outcome, judge

MOST_BREAKS = 3

Ask = Callable[[Sequence[Example]], Awaitable[Sequence[Pair]]]


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
    explored: int
    """How many measured examples are a sample of the whole task."""
    judgement: Judgement | None = None
    fresh: tuple[Pair, ...] = ()
    further: tuple[Example, ...] = ()
    """The examples asked to confirm it."""
    breaks: tuple[Break, ...] = ()

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
    shown = judgement.outcome is Outcome.ROUTE
    if not shown:
        if not may_hold_somewhere(pairs, by_id, margin):
            return None
        await ask(task.examples[len(pairs) :])
    explored = list(pairs)
    further = () if shown else task.further()
    # Few more in the log: part of what is measured must be left to confirm by.
    held_out = not shown and len(further) < len(explored) // 2
    searched = explored[::2] if held_out else explored
    breaks = _breaks(searched, by_id, margin, rules.seed)
    if not breaks:
        return None
    found = _described(breaks, explored, by_id, rules)
    if shown:
        return found
    kept = [p for p in explored[1::2] if found.holds(by_id[p.example_id])] if held_out else []
    inside = [e for e in further if found.holds(e)][: max(len(task.examples) - len(kept), 0)]
    confirmed, fresh = await _confirm(kept, inside, rules, ask)
    return replace(found, judgement=confirmed, fresh=tuple(fresh), further=tuple(inside))


async def _confirm(
    kept: Sequence[Pair], inside: Sequence[Example], rules: Rules, ask: Ask
) -> tuple[Judgement, list[Pair]]:
    """The sequential test of fresh pairs: those ``kept`` back, then of the examples ``inside``."""
    fresh = list(kept)
    planned = len(kept) + len(inside)
    judgement = Judgement(Outcome.INCONCLUSIVE, None, (), 0)
    if planned < fewest_pairs(rules.margin, alpha=rules.alpha):
        return judgement, fresh
    schedule = default_looks(planned)
    own = replace(rules, schedule=schedule)
    for done, until in enumerate(schedule, start=1):
        fresh += await ask(inside[max(len(fresh) - len(kept), 0) : max(until - len(kept), 0)])
        judgement = judge(fresh, done, own)
        if judgement.outcome is not None:
            break
    return judgement, fresh


def _breaks(
    pairs: Sequence[Pair], examples: Mapping[str, Example], margin: float, seed: int
) -> tuple[Break, ...]:
    """One break after another, each inside those before it."""
    found: list[Break] = []
    left = list(pairs)
    while len(found) < MOST_BREAKS:
        one = find_break(left, examples, margin, seed)
        if one is None:
            break
        found.append(one)
        left = [p for p in left if one.holds(examples[p.example_id])]
    return tuple(found)


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
        share=sum(p.weight for p in inside) / sum(p.weight for p in known),
        p_value=max(b.p_value for b in breaks),
        explored=len(pairs),
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
