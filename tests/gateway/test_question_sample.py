"""Of which judged calls the question is measured: of a sample that does not know how they ended."""

from __future__ import annotations

import random

from downroute.gateway.question_sample import QuestionSample


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def sample(most: float = 100.0) -> tuple[QuestionSample, Clock]:
    clock = Clock()
    return QuestionSample(most, most * 10, clock, random.Random(1).random), clock


def test_where_there_are_few_calls_all_are_measured():
    taking, clock = sample()
    for second in range(20):
        for number in range(100):
            clock.now = 1000 + second + number / 100
            assert taking.takes(clock.now - 0.3)


def test_a_short_rush_is_measured_whole():
    taking, clock = sample()
    for number in range(900):
        clock.now = 1000 + number / 800
        assert taking.takes(clock.now)


def test_of_many_calls_about_so_many_a_second_are():
    taking, clock = sample()
    taken = [0] * 15
    for second in range(15):
        for number in range(3000):
            clock.now = 1000 + second + number / 3000
            taken[second] += taking.takes(clock.now)
    assert sum(taken[:5]) < 2000
    assert all(60 < t < 145 for t in taken[5:])


def test_calls_that_began_together_have_one_chance_whenever_they_end():
    taking, clock = sample()
    for number in range(18_000):  # some seconds with many calls
        clock.now = 1000 + number / 2000
        taking.takes(clock.now)
    clock.now = 1009.0
    early = sum(taking.takes(1009.0) for _ in range(4000))
    clock.now = 1069.0  # a minute later, with nothing going on, the slow ones of them end
    late = sum(taking.takes(1009.0) for _ in range(4000))
    assert 140 < early < 260 and 140 < late < 260
    clock.now = 1079.0
    assert all(taking.takes(1078.5) for _ in range(50))


def test_what_is_remembered_is_bounded():
    taking, clock = sample()
    for slot in range(30_000):
        clock.now = slot / 10
        taking.takes(clock.now)
    assert len(taking._chances) <= 12_000
