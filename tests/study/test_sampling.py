import random

import pytest

from downroute.records import Answer, Call, Decision
from downroute.study.sampling import (
    ALIKE,
    FAILED,
    LEAKED,
    NO_CONTENT,
    OTHER_MODEL,
    REDACTED,
    REPEATED,
    SELECTED,
    Sampler,
    examples,
)


def call(number, text=None, **facts):
    facts.setdefault("model", "large")
    request = {"messages": [{"role": "user", "content": text or f"question {number}"}]}
    facts.setdefault("request", request)
    facts.setdefault("answer", Answer("yes"))
    return Call(id=f"c{number}", source="test", **facts)


def seen(calls, seed=0, size=100):
    sampler = Sampler("t", "large")
    for one in calls:
        sampler.see(one)
    drawn = sampler.draw(size, seed)
    return sampler, examples(calls, drawn, "t")


def test_the_same_seed_draws_the_same_requests_whatever_the_order_of_the_log():
    calls = [call(i) for i in range(50)]
    _, first = seen(calls, size=20)
    _, second = seen(calls[::-1], size=20)
    assert [e.id for e in first] == [e.id for e in second]
    _, other = seen(calls, seed=1, size=20)
    assert [e.id for e in first] != [e.id for e in other]


def test_a_smaller_sample_is_the_beginning_of_a_larger_one():
    calls = [call(i) for i in range(50)]
    _, small = seen(calls, size=10)
    _, large = seen(calls, size=40)
    assert [e.id for e in small] == [e.id for e in large[:10]]
    assert small[0].inclusion == pytest.approx(10 / 50, abs=0.03)
    assert large[0].inclusion == pytest.approx(40 / 50, abs=0.03)


def test_repeated_requests_are_one_example_with_their_weight():
    calls = [call(1, "same"), call(2, "same"), call(3, "other"), call(4, "same", reference="yes")]
    sampler, found = seen(calls)
    assert sampler.distinct == 2 and sampler.left_out[REPEATED] == 2
    same = next(e for e in found if e.weight == 3)
    assert same.reference == "yes"


def test_what_cannot_be_an_example_is_counted_by_reason():
    calls = [
        call(1, model="small"),
        call(2, request=None),
        call(3, answer=None),
        call(4, status=500, error="upstream 500", answer=None),
        call(5, decision=Decision.ESCALATED),
        call(6, model="alias", snapshot="large"),
        call(7, altered=True),
    ]
    sampler, found = seen(calls)
    assert [e.id for e in found] == ["c6"]
    assert sampler.left_out == {OTHER_MODEL: 1, NO_CONTENT: 2, FAILED: 1, SELECTED: 1, REDACTED: 1}


def test_near_duplicates_are_one_example_with_their_weight():
    chance = random.Random(1)
    words = [f"word{chance.choice('abcdefgh')}{chance.choice('xyzuvw')}" for _ in range(4000)]
    texts = [" ".join(words[i * 40 : i * 40 + 40]) for i in range(60)]
    calls = [call(i, text) for i, text in enumerate(texts)]
    calls += [call(100, texts[7].upper() + "!"), call(101, "Please: " + texts[7])]
    sampler, found = seen(calls)
    _, backwards = seen(calls[::-1])
    assert len(found) == 60 and sampler.left_out[ALIKE] == 2
    assert sorted(e.weight for e in found)[-2:] == [1, 3]
    assert [e.id for e in found] == [e.id for e in backwards]


def test_every_beginning_holds_all_lengths_and_times_in_proportion():
    texts = {}
    for i in range(300):
        texts[i] = " ".join([f"q{i}"] + ["word"] * (5 if i % 3 else 200))
    calls = [call(i, texts[i], started_at=1000.0 * (i % 4)) for i in range(300)]
    _, found = seen(calls, size=120)
    for until in (30, 60, 120):
        part = [int(e.id[1:]) for e in found[:until]]
        assert sum(i % 3 == 0 for i in part) == pytest.approx(until / 3, abs=4)
        for quarter in range(4):
            assert sum(i % 4 == quarter for i in part) == pytest.approx(until / 4, abs=5)


def test_frequent_requests_come_more_surely_and_inclusion_says_how():
    calls = [call(i, f"q {i}") for i in range(400)]
    calls += [call(1000 + i, f"q {i % 100}") for i in range(300)]
    totals = []
    for seed in range(30):
        _, found = seen(calls, seed=seed, size=100)
        totals.append(sum(e.weight / e.inclusion for e in found))
        often = sum(e.weight == 4 for e in found)
        assert 30 < often < 85
    assert sum(totals) / 30 == pytest.approx(700, rel=0.03)


def test_what_makes_up_much_of_the_traffic_is_certain_and_first():
    calls = [call(i) for i in range(200)] + [call(500 + i, "hello") for i in range(100)]
    _, found = seen(calls, size=50)
    assert found[0].certain and found[0].weight == 100 and found[0].inclusion == 1.0
    assert not any(e.certain for e in found[1:])


def test_examples_that_stand_in_their_own_instructions_are_left_out():
    shots = "Sort it.\nGreat film! -> good\nThe plot made no sense to me -> bad"

    def asking(number, text):
        said = [{"role": "system", "content": shots}, {"role": "user", "content": text}]
        return call(number, request={"messages": said})

    sampler, found = seen(
        [
            asking(1, "great film!"),
            asking(2, "The plot made no sense to me"),
            asking(3, "film"),
            asking(4, "A fine evening"),
        ]
    )
    assert sampler.left_out[LEAKED] == 2 and {e.id for e in found} == {"c3", "c4"}
