"""The whole rule on populations whose traffic gap is known: samples drawn by `Sampler`'s design."""

import random

import pytest

from downroute.records import Answer, Call
from downroute.stats.sequential import default_looks
from downroute.study.look import Rules
from downroute.study.pairs import Pair
from downroute.study.sampling import Sampler
from downroute.study.traffic import weighed
from downroute.study.verdict import Outcome, judge


def log(weights):
    for number, weight in enumerate(weights):
        request = {"messages": [{"role": "user", "content": f"request {number}"}]}
        for copy in range(weight):
            yield Call(f"{number}.{copy}", "test", "large", request=request, answer=Answer("yes"))


def verdicts(weights, differences, seeds, size=300):
    """The outcome per seed of a population whose requests have these differences."""
    sampler = Sampler("t", "large")
    for call in log(weights):
        sampler.see(call)
    schedule = tuple(default_looks(size))
    outcomes = []
    for seed in range(seeds):
        pairs = []
        for call_id, place in sampler.draw(size, seed).items():
            x = differences[int(call_id.split(".")[0])]
            pairs.append(
                Pair(
                    call_id, "", float(x), float(x != -1), float(x != 1),
                    weight=float(place.weight), rank=place.rank, certain=place.certain,
                )
            )  # fmt: skip
        for done in range(1, len(schedule) + 1):
            judged = judge(pairs[: schedule[done - 1]], done, Rules(0.05, 0.05, schedule))
            if judged.outcome is not None:
                break
        outcomes.append(judged.outcome)
    return outcomes


def shares(outcomes):
    return {o: outcomes.count(o) / len(outcomes) for o in Outcome}


def test_a_candidate_that_fails_only_rare_requests_is_routed_and_one_that_fails_frequent_is_not():
    weights = [9] * 100 + [1] * 900
    chance = random.Random(3)
    rare = [0] * 100 + [int(chance.random() < 0.08) for _ in range(900)]
    frequent = [int(chance.random() < 0.16) for _ in range(100)] + [0] * 900
    # Of distinct requests 7 % and 1.6 % fail; of the traffic 4 % and 8 %.
    assert shares(verdicts(weights, frequent, 40))[Outcome.ROUTE] <= 0.05
    assert shares(verdicts(weights, rare, 40))[Outcome.KEEP] == 0.0


def test_at_the_margin_the_error_holds_where_frequent_requests_differ():
    weights = [1 + 40 // (1 + i) for i in range(1000)]
    total, chance = sum(weights), random.Random(4)
    differences, lost = [0] * 1000, 0
    for i in chance.sample(range(1000), 1000):
        if lost + weights[i] <= 0.05 * total:
            differences[i], lost = 1, lost + weights[i]
    assert lost / total == pytest.approx(0.05, abs=0.001)
    assert shares(verdicts(weights, differences, 60))[Outcome.ROUTE] <= 0.10


def test_every_beginning_estimates_the_traffic():
    weights = [30, 20, 10] + [3] * 100 + [1] * 300
    sampler = Sampler("t", "large")
    for call in log(weights):
        sampler.see(call)
    value = [float(i % 7 == 0 or i < 2) for i in range(len(weights))]
    truth = sum(w * v for w, v in zip(weights, value, strict=True)) / sum(weights)
    for until in (60, 200):
        found = []
        for seed in range(60):
            pairs = weighed(
                [
                    Pair(i, "", value[int(i.split(".")[0])], weight=float(p.weight),
                         rank=p.rank, certain=p.certain)
                    for i, p in list(sampler.draw(200, seed).items())[:until]
                ]
            )  # fmt: skip
            total = sum(p.weight for p in pairs)
            found.append(sum(p.weight * p.difference for p in pairs) / total)
        assert sum(found) / len(found) == pytest.approx(truth, abs=0.012)
