import random

import pytest

from downroute.stats.sequential import default_looks
from downroute.study.grading import waiting
from downroute.study.look import Rules
from downroute.study.pairs import Pair, with_grade
from downroute.study.verdict import Outcome, Stopped, judge

TIE, LOSS, WIN = (1.0, 1.0), (1.0, 0.0), (0.0, 1.0)


def rules(count):
    return Rules(0.05, 0.05, default_looks(count))


def population(count, differing, seed=0):
    chance = random.Random(seed)
    open_at = set(chance.sample(range(count), differing))
    return [
        Pair(f"e{n}", f"k{n}", None, to_grade=True) if n in open_at else Pair(f"e{n}", f"k{n}", 0.0)
        for n in range(count)
    ]


def grade_through(pairs, how, truth, alike=None):
    """Grades as they are asked for; how many, each estimate on the way, and the verdict."""
    given, ranges = 0, []
    while (wanted := waiting(pairs, how, alike or {})) is not None:
        ranges.append((wanted.least, wanted.more))
        assert 1 <= wanted.least <= wanted.more <= wanted.most == len(wanted.pairs)
        assert wanted.most == sum(p.to_grade for p in pairs)
        key = wanted.pairs[0].key
        pairs = [with_grade(p, {key: truth(key)}) for p in pairs]
        given += 1
    return given, ranges, judge(pairs, len(how.schedule), how), pairs


@pytest.mark.parametrize(("truth", "outcome"), [(TIE, Outcome.ROUTE), (LOSS, Outcome.KEEP)])
def test_it_stops_before_all_are_graded_and_no_grade_could_change_the_verdict(truth, outcome):
    how = rules(400)
    given, ranges, end, pairs = grade_through(population(400, 60), how, lambda _: truth)
    assert end.outcome is outcome and end.stopped is Stopped.DECIDED
    assert given == len(ranges) < 60
    for rest in (TIE, LOSS, WIN):
        done = [with_grade(p, {p.key: rest}) for p in pairs]
        assert judge(done, len(how.schedule), how).outcome is outcome


def test_nothing_is_asked_where_even_all_lost_would_pass():
    assert waiting(population(400, 3), rules(400), {}) is None


def test_nothing_more_is_asked_once_neither_verdict_can_be_reached():
    how = rules(200)
    # 10 losses known among 200: with 4 open pairs it can neither pass nor be shown worse.
    pairs = [
        Pair(f"e{n}", f"k{n}", 1.0, 1.0, 0.0) if n % 20 == 5 else Pair(f"e{n}", f"k{n}", 0.0)
        for n in range(196)
    ]
    pairs += [Pair(f"e{n}", f"k{n}", None, to_grade=True) for n in range(196, 200)]
    end = judge(pairs, len(how.schedule), how)
    assert (end.outcome, end.stopped) == (Outcome.INCONCLUSIVE, Stopped.MAXIMUM)
    assert waiting(pairs, how, {}) is None
    for rest in (TIE, LOSS, WIN):
        done = [with_grade(p, {p.key: rest}) for p in pairs]
        assert judge(done, len(how.schedule), how).outcome is Outcome.INCONCLUSIVE


def test_nearly_alike_answers_come_first_where_the_candidate_is_close_to_being_shown():
    pairs = population(400, 30)
    alike = {p.key: float(n % 7) for n, p in enumerate(pairs)}
    wanted = waiting(pairs, rules(400), alike)
    likeness = [alike[p.key] for p in wanted.pairs[:5]]
    assert likeness == sorted(likeness, reverse=True)


def test_a_good_order_needs_fewer_grades():
    how, counts = rules(400), []
    for seed in range(2):
        pairs = population(400, 40, seed)
        chance = random.Random(seed)
        lost = set(chance.sample([p.key for p in pairs if p.to_grade], 8))
        truth = {p.key: LOSS if p.key in lost else TIE for p in pairs}
        telling = {key: 0.0 if key in lost else 90.0 for key in truth}
        counts.append(
            (
                grade_through(pairs, how, truth.get, telling)[0],
                grade_through(pairs, how, truth.get)[0],
            )
        )
    assert sum(a for a, _ in counts) < sum(b for _, b in counts)
