"""The decision: pairs in, verdict out. Pure.

After each look the gap's interval is computed with that look's bound. Its upper end below the
margin ends in `ROUTE`, its lower end above the margin in `KEEP`; pairs that still need a person
are tried both ways, and only what no grade could change counts. (Group-sequential
non-inferiority, Lan & DeMets 1983 spending; Tango 1998 for binary scores.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from downroute.stats.sequential import bounds, conditional_power, stagewise_p
from downroute.study.judged_look import look_of
from downroute.study.look import JudgedState, Look, Rules
from downroute.study.pairs import Pair

FUTILE_BELOW = 0.05
"""Conditional power under a true gap of 0 below which going on is not worth its cost."""


class Outcome(StrEnum):
    """What a study says of the candidate."""

    ROUTE = "route"
    CASCADE = "cascade"
    """Not alone, but with its risky answers escalated to the baseline."""
    KEEP = "keep"
    INCONCLUSIVE = "inconclusive"


class Stopped(StrEnum):
    """Why no more examples were measured."""

    DECIDED = "decided"
    FUTILITY = "futility"
    MAXIMUM = "all planned examples measured"
    GRADES = "waiting for grades"
    LABELS = "waiting for labels"
    UNSCORED = "too many pairs could not be scored"
    BUDGET = "budget reached"
    FAULT = "stopped by a fault"
    UNANSWERED = "not all answers are there"


@dataclass(frozen=True, slots=True)
class Judgement:
    """The state of the test after its last look. ``outcome`` is ``None`` while it should go on;
    ``graded`` counts the grades among the pairs of the last look."""

    outcome: Outcome | None
    stopped: Stopped | None
    looks: tuple[Look, ...]
    graded: int

    def p_value(self, rules: Rules) -> float | None:
        """Of "the gap is the margin or more", by the stage-wise ordering of the looks taken;
        ``None`` where nothing was seen, grades that are missing could change it, or the
        test was cut short."""
        if self.stopped in (Stopped.BUDGET, Stopped.FAULT, Stopped.UNANSWERED):
            return None
        if not self.looks or self.looks[-1].pairs == 0 or self.looks[-1].ungraded:
            return None
        sizes = rising([look.pairs for look in self.looks])
        return stagewise_p(sizes, rules.schedule[-1], rules.alpha, self.looks[-1].z)


def judge(pairs: Sequence[Pair], done: int, rules: Rules) -> Judgement:
    """The test after its first ``done`` looks; ``pairs`` are in sampled order, one an example.

    Looks are read in order and the first that decides is the last that counts, so the verdict
    is the same whether pairs were scored as they came or graded weeks later.
    """
    if not 1 <= done <= len(rules.schedule):
        raise ValueError(f"done must be in 1..{len(rules.schedule)}, got {done}")
    sizes = _scorable_sizes(pairs, rules.schedule, done)
    z_bounds = bounds(sizes, rules.schedule[-1], rules.alpha)
    looks: list[Look] = []
    for index, until in enumerate(rules.schedule[:done]):
        looks.append(look_of(pairs[:until], z_bounds[index], rules))
        last = index + 1 == len(rules.schedule)
        end = _end(looks[-1], last, sizes[-1], z_bounds[-1], rules)
        if end is not None:
            return Judgement(*end, tuple(looks), _grades_in(pairs[:until]))
    graded = _grades_in(pairs[: rules.schedule[done - 1]])
    if done < len(rules.schedule):
        return Judgement(None, None, tuple(looks), graded)
    # Grades that no look could be ended by are not waited for.
    open_pairs = any(look.open and look.judged is None for look in looks)
    stopped = Stopped.GRADES if open_pairs else Stopped.MAXIMUM
    return Judgement(Outcome.INCONCLUSIVE, stopped, tuple(looks), graded)


def unfinished(pairs: Sequence[Pair], so_far: Judgement, rules: Rules) -> Judgement:
    """The state of a test whose budget ended before its next look: what its pairs say so far, at
    that look's bound, and no verdict."""
    looks = so_far.looks
    if len(pairs) > (looks[-1].examples if looks else 0):
        z_bound = bounds(rules.schedule, rules.schedule[-1], rules.alpha)[len(looks)]
        looks = (*looks, look_of(pairs, z_bound, rules))
    return Judgement(Outcome.INCONCLUSIVE, Stopped.BUDGET, looks, _grades_in(pairs))


def too_many_unscored(look: Look, margin: float) -> bool:
    """True where the pairs nobody could score might alone hide a gap as large as the margin."""
    return look.unscored > margin * (look.pairs + look.unscored)


def _end(
    look: Look, last: bool, maximum: int, final_bound: float, rules: Rules
) -> tuple[Outcome, Stopped] | None:
    """How the test ends at ``look``; ``None`` = it goes on."""
    if look.pairs == 0:
        return None
    waiting = look.judged is not None and look.judged.missing > 0
    if look.interval.high < rules.margin and not waiting:
        if too_many_unscored(look, rules.margin):
            return Outcome.INCONCLUSIVE, Stopped.UNSCORED
        return Outcome.ROUTE, Stopped.DECIDED
    if look.interval.low > rules.margin:
        return Outcome.KEEP, Stopped.DECIDED
    if look.judged is not None:
        if waiting and last and labels_would_not_help(look, look.judged):
            return Outcome.INCONCLUSIVE, Stopped.FUTILITY
        ended = waiting and (last or _judge_is_sure(look, maximum, final_bound, rules))
        return (Outcome.INCONCLUSIVE, Stopped.LABELS) if ended else None
    if last or look.ungraded:
        return None
    power = conditional_power(look.z, look.pairs, maximum, final_bound, look.margin, look.sd)
    return (Outcome.INCONCLUSIVE, Stopped.FUTILITY) if power < FUTILE_BELOW else None


def labels_would_not_help(look: Look, state: JudgedState) -> bool:
    """Whether a route has become so unlikely that people's time is better spent elsewhere: the
    chance that all missing labels together show an equal candidate, from what the labels so far
    say. Information, one over the squared standard error, takes the place of pairs."""
    if state.gap_sd is None or state.aim_se is None or look.pairs == 0:
        return False
    now = round(look.pairs / state.gap_sd**2) if state.gap_sd else 0
    then = max(now, round(1.0 / state.aim_se**2))
    power = conditional_power(look.z, now, then, look.z_bound, look.margin, 1.0)
    return power < FUTILE_BELOW


def _judge_is_sure(look: Look, maximum: int, final_bound: float, rules: Rules) -> bool:
    """Whether the judge alone would end the test here. Its word is no verdict, but it is when to
    stop buying pairs and ask people for labels."""
    assert look.judged is not None
    raw = look.judged.raw
    if raw.high < rules.margin or raw.low > rules.margin:
        return True
    z = look.judged.raw_z
    power = conditional_power(z, look.pairs, maximum, final_bound, look.margin, look.sd)
    return power < FUTILE_BELOW


def _grades_in(pairs: Sequence[Pair]) -> int:
    return sum(p.graded for p in pairs)


def _scorable_sizes(pairs: Sequence[Pair], schedule: Sequence[int], done: int) -> list[int]:
    """The looks in pairs that count: as found for looks done, as planned for those to come.
    Requests taken for certain are no sample and do not count."""
    found = [sum(p.unscored is None and not p.certain for p in pairs[:n]) for n in schedule[:done]]
    lost = schedule[done - 1] - found[-1]
    return rising(found + [n - lost for n in schedule[done:]])


def rising(sizes: Sequence[int]) -> list[int]:
    """``sizes`` with each at least one more than the one before, as a sequence of looks must be
    even where not one pair between two of them could be scored."""
    lifted: list[int] = []
    for size in sizes:
        lifted.append(max(size, lifted[-1] + 1 if lifted else 1))
    return lifted
