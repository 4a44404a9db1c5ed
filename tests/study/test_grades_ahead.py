import random

import numpy as np
import pytest

from downroute.stats.noninferiority import tango_z
from downroute.study.grades_ahead import tango_many

from .test_grading import LOSS, TIE, WIN, grade_through, population, rules


def test_many_futures_are_read_by_the_test_that_reads_one():
    losses, wins = np.arange(0.0, 40.0, 1.7), np.arange(0.0, 40.0, 1.7)[::-1]
    many = tango_many(losses, wins, 400.0, 0.05)
    one = [tango_z(b, c, 400.0, 0.05) for b, c in zip(losses, wins, strict=True)]
    assert many == pytest.approx(one)


def sittings(shares_of, runs):
    """(after how many grades, what was said, how many more it took) over many tasks."""
    said = []
    for seed in range(runs):
        chance = random.Random(seed)
        count, differing = chance.choice([(400, 40), (300, 30), (200, 30)])
        lost, won = shares_of(seed, count, differing)
        pairs = population(count, differing, seed)
        truth = {
            p.key: chance.choices([LOSS, WIN, TIE], [lost, won, 1.0 - lost - won])[0] for p in pairs
        }
        given, ranges, _, _ = grade_through(pairs, rules(count), truth.get)
        said += [(done, ranges[done], given - done) for done in (5, 10) if done < given]
    return said


def test_the_range_holds_what_it_takes_as_often_as_it_says():
    def any_task(seed, *_):
        return np.random.default_rng(seed).dirichlet([0.5, 0.5, 1.0])[:2]

    said = sittings(any_task, 40)
    # Four of five, within what 70 sittings tell (two standard errors, and ties of whole numbers).
    assert np.mean([least <= took <= more for _, (least, more), took in said]) >= 0.7
    assert np.mean([took > more for _, (_, more), took in said]) <= 0.2


def test_near_the_margin_the_range_is_not_too_hopeful():
    def at_the_margin(_, count, differing):
        return 0.05 * count / differing + 0.1, 0.1

    said = sittings(at_the_margin, 25)
    assert np.mean([took > more for _, (_, more), took in said]) <= 0.3
    middle = [(least + more) / 2 - took for _, (least, more), took in said]
    assert abs(np.mean(middle)) < 6
