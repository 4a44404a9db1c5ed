"""Which judged pairs people label: a random draw, whatever people do with it."""

import random
from dataclasses import replace

from downroute.study.labels import allocation, ask_for_labels, cells, next_batch
from downroute.study.pairs import Pair


def judged(count, seed=0):
    chance = random.Random(seed)
    pairs = []
    for number in range(count):
        scores = float(chance.random() < 0.9), float(chance.random() < 0.8)
        key = f"{chance.getrandbits(80):020x}"
        pairs.append(Pair(str(number), key, scores[0] - scores[1], *scores, judged=scores))
    return pairs


def labelled(pairs, which):
    return [replace(p, graded=True) if which(p) else p for p in pairs]


def asked(pairs, count, schedule=(400,)):
    return [p for p in ask_for_labels(pairs, schedule, count) if p.to_grade]


def usable(pairs, schedule=(400,)):
    return sum(len(c.labelled) for c in cells(pairs, schedule))


def test_labels_reach_every_stratum():
    found = asked(judged(400), 50)
    strata = [(p.judged[0], p.judged[1]) for p in found]
    assert len(found) == 50
    assert len(set(strata)) == 4
    assert min(strata.count(s) for s in set(strata)) >= 5


def test_what_was_asked_for_counts_once_it_is_labelled_and_is_not_asked_again():
    pairs = judged(400)
    first = {p.example_id for p in asked(pairs, 50)}
    pairs = labelled(pairs, lambda p: p.example_id in first)
    assert usable(pairs) == 50
    more = {p.example_id for p in asked(pairs, 30)}
    assert len(more) == 30
    assert not more & first


def test_asking_in_two_steps_or_at_once_draws_the_same_pairs():
    pairs = judged(400)
    first = {p.example_id for p in asked(pairs, 50)}
    then = {p.example_id for p in asked(labelled(pairs, lambda p: p.example_id in first), 60)}
    assert first | then == {p.example_id for p in asked(pairs, 110)}


def test_labels_that_a_person_picked_do_not_count():
    pairs = judged(400)
    picked = labelled(pairs, lambda p: p.difference != 0)
    flat = labelled(pairs, lambda p: int(p.example_id) % 3 == 0)
    assert usable(flat) < sum(p.graded for p in flat) / 4
    assert all(len(c.labelled) in (0, c.size) for c in cells(picked, (400,)))


def test_a_pair_passed_over_here_and_there_does_no_harm():
    pairs = judged(400)
    found = asked(pairs, 150)
    skipped = found[70].example_id
    names = {p.example_id for p in found} - {skipped}
    assert usable(labelled(pairs, lambda p: p.example_id in names)) == 149


def test_a_later_batch_leaves_earlier_labels_valid():
    pairs = judged(400)
    schedule = (200, 400)
    names = {p.example_id for p in asked(pairs[:200], 60, schedule)}
    pairs = labelled(pairs, lambda p: p.example_id in names)
    assert usable(pairs[:200], schedule) == 60
    assert usable(pairs, schedule) == 60


def test_more_labels_than_pairs_are_not_asked_for():
    assert len(asked(judged(30), 50, (30,))) == 30
    assert allocation({(True, True): 3}, {(True, True): 1}, 9) == [(True, True)] * 2


def test_batches_at_most_double_what_is_there():
    assert next_batch(227, 0) == 50
    assert next_batch(227, 60) == 60
    assert next_batch(8, 60) == 8
