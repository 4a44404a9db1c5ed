"""Which pairs are graded next, and about how many decide it. Pure.

The test reads its looks in order. A look ends it once its interval lies on one side of the margin
with the pairs that are not graded taken all as lost, or all as won. So the look is found that
needs the fewest grades, should they come out in the proportions of those before them, and its
pairs come first: those that stand for the most traffic, then the most alike answers (most are
ties, and each tie is a loss less to fear), or the least alike ones where that ends it sooner. Any
order is valid, because no verdict rests on a grade that is guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from downroute.study.grades_ahead import grades_ahead, outcome_counts
from downroute.study.look import LOST, WON, Look, Rules, Scores
from downroute.study.pairs import Pair, PairScore, with_grade
from downroute.study.traffic import weighed
from downroute.study.verdict import Judgement, Stopped, judge

NEVER = 1_000_000
"""Grades that would not end a look."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Pairs that wait for a grade, in the order in which they are to be given. About ``least`` to
    ``more`` decide; ``None`` where nobody can tell; ``most`` at most."""

    pairs: tuple[Pair, ...]
    least: int
    more: int | None
    most: int


def waiting(pairs: Sequence[Pair], rules: Rules, alike: Mapping[str, float]) -> Waiting | None:
    """What to grade of ``pairs`` (in sampled order, with the grades there are); ``None`` once no
    grade could change the verdict. ``alike`` says by key how alike a pair's answers are."""
    done = sum(until <= len(pairs) for until in rules.schedule)
    if not done or not any(p.to_grade for p in pairs):
        return None
    judgement = judge(pairs, done, rules)
    if _over(judgement):
        return None
    outcomes = _outcomes([p for p in pairs if p.graded], sum(p.to_grade for p in pairs))
    goals = [
        _goal(pairs[: look.examples], order, look, rules, outcomes)
        for look in judgement.looks
        if look.open
        for order in _orders(pairs[: look.examples], alike)
    ]
    goal = min(goals, key=lambda g: g.likely)
    ordered = _whole(goal, pairs)
    # Grades to come may make another look the nearer one.
    ways = [_whole(g, pairs) for g in goals if g is goal or g.likely < NEVER]
    least, more = grades_ahead(pairs, ways, judgement.looks, rules)
    return Waiting(ordered, least, more, len(ordered))


def _over(judgement: Judgement) -> bool:
    """Whether no grade could change the verdict."""
    if judgement.outcome is None or judgement.stopped is Stopped.GRADES:
        return not any(look.open for look in judgement.looks)
    return True


@dataclass(frozen=True, slots=True)
class _Goal:
    """A look with its open pairs in an order, of which ``likely`` many end it."""

    until: int
    likely: int
    ordered: Sequence[Pair]


def _whole(goal: _Goal, pairs: Sequence[Pair]) -> tuple[Pair, ...]:
    """All open pairs, those of the goal first."""
    return (*goal.ordered, *(p for p in pairs[goal.until :] if p.to_grade))


def _orders(pairs: Sequence[Pair], alike: Mapping[str, float]) -> tuple[list[Pair], list[Pair]]:
    """The open pairs, likely ties first and likely losses first. What stands for many calls
    moves the interval most and comes before the rest."""
    open_pairs = [p for p in pairs if p.to_grade]
    return (
        sorted(open_pairs, key=lambda p: (-p.weight, -alike.get(p.key, 0.0))),
        sorted(open_pairs, key=lambda p: (-p.weight, alike.get(p.key, 0.0))),
    )


def _goal(
    pairs: Sequence[Pair],
    ordered: Sequence[Pair],
    look: Look,
    rules: Rules,
    outcomes: Sequence[PairScore],
) -> _Goal:
    """After how many grades in this order the look, whose pairs these are, ends the test, should
    they come out as ``outcomes``; more than there are where it would not."""

    def ends(count: int) -> bool:
        grades = dict(zip((p.key for p in ordered[:count]), outcomes, strict=False))
        seen = weighed([with_grade(p, grades) for p in pairs])
        worst = Scores.of(seen, LOST).interval(-look.z_bound, rules)
        if worst.high < rules.margin:
            return True
        return Scores.of(seen, WON).interval(-look.z_bound, rules).low > rules.margin

    return _Goal(len(pairs), _fewest(len(ordered), ends) or NEVER, ordered)


def _outcomes(graded: Sequence[Pair], count: int) -> list[PairScore]:
    """``count`` grades in the proportions of ``graded``, evenly mixed."""
    shares = outcome_counts(graded)
    total = sum(shares.values())
    means: dict[str, PairScore] = {"lost": (1.0, 0.0), "won": (0.0, 1.0), "tied": (1.0, 1.0)}
    given = dict.fromkeys(shares, 0)
    mixed = []
    for number in range(1, count + 1):
        # The kind that lags furthest behind its share comes next.
        kind = max(shares, key=lambda k: shares[k] / total * number - given[k])
        given[kind] += 1
        mixed.append(means[kind])
    return mixed


def _fewest(most: int, enough: Callable[[int], bool]) -> int | None:
    """The least count in 1..most that is ``enough``; ``None`` where all of them are not."""
    if not most or not enough(most):
        return None
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
