import random

from downroute.records import Answer, Example
from downroute.study.breaks import find_break, may_hold_somewhere
from downroute.study.pairs import Pair

MARGIN = 0.05


def drawn(seed, sides, *, pairs=500, requests=None):
    """Pairs with ``words`` uniform in 1..100; ``sides`` maps the last word count of each stretch
    to the chances that only the baseline and that only the candidate is right."""
    generator = random.Random(seed)
    made, examples = [], {}
    for number in range(pairs):
        words = generator.randint(1, 100)
        lost, won = next(chances for until, chances in sides if words <= until)
        chance = generator.random()
        difference = 1.0 if chance < lost else -1.0 if chance > 1 - won else 0.0
        request = {"messages": [{"role": "user", "content": "word " * words}]}
        if requests is not None:
            request = requests(generator, words)
        key = str(number)
        examples[key] = Example(key, "t", request, "d", Answer("x"))
        made.append(Pair(key, key, difference, max(difference, 0.0), max(-difference, 0.0)))
    return made, examples


def test_a_planted_boundary_is_found_near_its_place():
    found = [
        find_break(*drawn(seed, [(60, (0.03, 0.01)), (100, (0.25, 0.03))]), MARGIN, seed)
        for seed in range(10)
    ]
    assert all(one is not None and one.feature == "input_words" for one in found)
    assert sum(abs(one.inside.max - 60) <= 6 for one in found) >= 9


def test_where_the_short_ones_are_worse_the_boundary_is_a_least():
    one = find_break(*drawn(3, [(40, (0.25, 0.03)), (100, (0.03, 0.01))]), MARGIN)
    assert one.inside.max is None and abs(one.inside.min - 41) <= 6


def test_where_none_was_planted_next_to_none_is_reported():
    alike = [(100, (0.12, 0.04))]
    found = [find_break(*drawn(seed, alike, pairs=300), MARGIN, seed) for seed in range(40)]
    assert sum(one is not None for one in found) <= 2


def test_more_losses_made_up_for_by_wins_are_seldom_taken_for_a_break():
    sides = [(50, (0.02, 0.02)), (100, (0.2, 0.2))]
    found = [find_break(*drawn(seed, sides), MARGIN, seed) for seed in range(10)]
    assert sum(one is not None for one in found) <= 4


def test_a_language_may_be_what_breaks():
    def request(generator, words):
        text = "das ist nicht der Satz" if words > 70 else "this is not what was"
        return {"messages": [{"role": "user", "content": text}]}

    one = find_break(*drawn(1, [(70, (0.02, 0.01)), (100, (0.3, 0.0))], requests=request), MARGIN)
    assert one.feature == "language" and one.inside.among == {"en"}


def test_looking_on_is_not_worth_it_where_every_side_is_far_beyond_the_margin():
    assert not may_hold_somewhere(*drawn(1, [(100, (0.5, 0.01))], pairs=200), MARGIN)
    assert may_hold_somewhere(*drawn(1, [(50, (0.01, 0.0)), (100, (0.5, 0.0))], pairs=200), MARGIN)
    assert not may_hold_somewhere([], {}, MARGIN)


def test_a_handful_of_pairs_is_not_searched():
    assert find_break(*drawn(1, [(50, (0.0, 0.0)), (100, (1.0, 0.0))], pairs=40), MARGIN) is None
