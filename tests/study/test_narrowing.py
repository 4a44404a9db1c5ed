import asyncio
import random
from types import SimpleNamespace

import pytest

from downroute.records import Answer, Example
from downroute.stats.sequential import default_looks
from downroute.study.confirming import PARTS, cross_fitted
from downroute.study.look import Rules
from downroute.study.narrowing import narrow, when_json
from downroute.study.pairs import Pair
from downroute.study.verdict import Outcome, judge


def study(seed, inside, beyond, *, planned=400, further=800, at=60):
    """The whole decision on requests of 1..100 words; ``inside`` and ``beyond`` the boundary the
    candidate loses and wins with these chances. Returns (outcome of the whole, narrowing, asked).
    """
    generator = random.Random(seed)
    examples, outcome_of = [], {}
    for number in range(planned + further):
        words = generator.randint(1, 100)
        lost, won = inside if words <= at else beyond
        chance = generator.random()
        difference = 1.0 if chance < lost else -1.0 if chance > 1 - won else 0.0
        request = {"messages": [{"role": "user", "content": "word " * words}]}
        one = Example(str(number), "t", request, "d", Answer("x"))
        examples.append(one)
        outcome_of[one.id] = Pair(
            one.id, one.id, difference, max(difference, 0.0), max(-difference, 0.0)
        )
    task = SimpleNamespace(
        examples=tuple(examples[:planned]), further=lambda: tuple(examples[planned:])
    )
    rules = Rules(0.05, 0.05, default_looks(planned))
    pairs = []
    asked = []

    async def ask(batch):
        asked.extend(batch)
        more = [outcome_of[e.id] for e in batch]
        pairs.extend(more)
        return more

    for done, until in enumerate(rules.schedule, start=1):
        pairs += [outcome_of[e.id] for e in task.examples[len(pairs) : until]]
        judgement = judge(pairs, done, rules)
        if judgement.outcome is not None:
            break
    return judgement.outcome, asyncio.run(narrow(task, judgement, pairs, rules, ask)), asked


def test_a_task_that_is_kept_as_a_whole_is_routed_where_it_holds():
    found = [study(seed, (0.02, 0.01), (0.4, 0.0)) for seed in range(10)]
    confirmed = [n for outcome, n, _ in found if outcome is not Outcome.ROUTE and n.confirmed]
    assert len(confirmed) >= 9
    assert all(n.judgement.outcome is Outcome.ROUTE and n.fresh for n in confirmed)
    assert sum(abs(n.when["input_words"].max - 60) <= 5 for n in confirmed) >= 9
    assert confirmed[0].words().startswith("holds up to ")
    assert set(when_json(confirmed[0].when)["input_words"]) == {"max"}


def test_fresh_pairs_are_asked_inside_the_boundary_only_and_were_not_searched():
    _, found, asked = study(1, (0.02, 0.01), (0.4, 0.0))
    searched = {str(n) for n in range(400)}
    assert all(p.example_id not in searched for p in found.fresh)
    fresh = {p.example_id for p in found.fresh}
    assert fresh == {e.id for e in asked if e.id not in searched}
    assert all(found.holds(e) for e in asked if e.id in fresh)


def test_where_the_log_holds_no_more_every_pair_is_held_against_a_boundary_it_did_not_place():
    _, found, asked = study(2, (0.0, 0.0), (0.5, 0.0), planned=500, further=0)
    assert found.confirmed and found.cross_fitted
    assert {int(p.example_id) % PARTS for p in found.fresh} == set(range(PARTS))
    assert len(found.fresh) == pytest.approx(0.6 * 500, rel=0.15)
    assert all(int(e.id) < 500 for e in asked)


def test_a_part_s_own_losses_do_not_place_the_boundary_it_is_held_against():
    """Losses in one part alone: no other part sees a reason to cut them out."""
    examples, pairs = {}, []
    for number in range(500):
        words = 10 if number % 2 else 90
        lost = float(words == 90 and number % PARTS == 0)
        request = {"messages": [{"role": "user", "content": "word " * words}]}
        examples[str(number)] = Example(str(number), "t", request, "d", Answer("x"))
        pairs.append(Pair(str(number), str(number), lost, lost, 0.0))
    kept = cross_fitted(pairs, examples, 0.05, 0)
    of_part = [p for p in kept if int(p.example_id) % PARTS == 0]
    assert len(of_part) == 100 and sum(p.difference for p in of_part) == 50


def test_a_boundary_that_shows_dimly_is_looked_for_again_in_twice_as_many():
    found = [study(s, (0.02, 0.0), (0.12, 0.0), at=80, further=1600) for s in range(6)]
    grown = [n for outcome, n, _ in found if n is not None and n.grown]
    assert len(grown) >= 1
    for one in grown:
        assert [p.example_id for p in one.grown] == [str(i) for i in range(400, 800)]
        assert all(int(p.example_id) >= 800 for p in one.fresh)


def test_an_inside_that_is_truly_worse_is_not_served():
    found = [study(seed, (0.055, 0.005), (0.3, 0.0), further=400) for seed in range(12)]
    served = [n for outcome, n, _ in found if n is not None and n.confirmed]
    assert len(found) == 12 and len(served) <= 3
    short = [study(seed, (0.055, 0.005), (0.3, 0.0), further=0) for seed in range(12)]
    assert sum(n is not None and n.confirmed for _, n, _ in short) <= 3


def test_a_route_shown_as_a_whole_does_not_take_the_side_that_is_worse():
    found = [study(seed, (0.005, 0.005), (0.25, 0.0), at=90, planned=500) for seed in range(10)]
    routed = [n for outcome, n, _ in found if outcome is Outcome.ROUTE]
    assert len(routed) >= 5
    cut = [n for n in routed if n is not None]
    assert len(cut) >= len(routed) - 2
    assert all(n.confirmed and n.judgement is None and 80 <= n.share * 100 <= 97 for n in cut)


def test_pairs_that_wait_for_a_person_are_not_searched():
    waiting = [Pair("0", "k", None, to_grade=True)]
    task = SimpleNamespace(examples=(), further=tuple)
    assert asyncio.run(narrow(task, None, waiting, Rules(0.05, 0.05, (100,)), None)) is None
