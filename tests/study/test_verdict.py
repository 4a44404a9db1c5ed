import json
import random
from pathlib import Path

import pytest

from downroute.stats.sequential import default_looks
from downroute.study.look import Rules, Scores
from downroute.study.pairs import Pair
from downroute.study.verdict import Outcome, Stopped, judge

INDEX = Path(__file__).resolve().parents[3] / "shared" / "recorded" / "index.json"


def pairs(both=0, b=0, c=0, neither=0, ungraded=0, unscored=0, seed=0):
    made = [Pair("e", "k", 0.0, 1.0, 1.0)] * both + [Pair("e", "k", 1.0, 1.0, 0.0)] * b
    made += [Pair("e", "k", -1.0, 0.0, 1.0)] * c + [Pair("e", "k", 0.0, 0.0, 0.0)] * neither
    made += [Pair("e", "k", None, to_grade=True)] * ungraded
    made += [Pair("e", "", None, unscored="time-out")] * unscored
    random.Random(seed).shuffle(made)
    return made


def rules(count, **settings):
    return Rules(0.05, 0.05, default_looks(count), **settings)


def run(population, **settings):
    how = rules(len(population), **settings)
    for done, until in enumerate(how.schedule, start=1):
        judgement = judge(population[:until], done, how)
        if judgement.outcome is not None:
            break
    return judgement


def test_verdict_and_interval_always_agree():
    for seed in range(40):
        end = run(pairs(both=250, b=15 + seed, c=10, neither=40, seed=seed))
        interval = end.looks[-1].interval
        assert (end.outcome is Outcome.ROUTE) == (interval.high < 0.05)
        assert (end.outcome is Outcome.KEEP) == (interval.low > 0.05)


def test_one_look_at_the_end_below_200_pairs():
    assert run(pairs(both=52)).outcome is Outcome.ROUTE
    assert run(pairs(both=51)).outcome is Outcome.INCONCLUSIVE
    assert run(pairs(both=93, b=4, c=3)).outcome is Outcome.INCONCLUSIVE
    assert run(pairs(both=96, b=2, c=2)).outcome is Outcome.ROUTE


def test_a_clearly_worse_candidate_is_kept_out_at_the_first_look():
    end = run(pairs(both=250, b=150, neither=100))
    assert end.outcome is Outcome.KEEP and len(end.looks) == 1


def test_a_hopeless_candidate_ends_in_futility():
    end = run(pairs(both=380, b=60, c=20, neither=40, seed=3))
    assert (end.outcome, end.stopped) == (Outcome.INCONCLUSIVE, Stopped.FUTILITY)


def test_grades_that_could_not_change_the_verdict_are_not_asked_for():
    end = run(pairs(both=299, ungraded=1))
    assert end.outcome is Outcome.ROUTE and end.graded == 0


def test_pairs_that_could_change_it_wait_for_a_grade():
    end = run(pairs(both=280, ungraded=20))
    assert (end.outcome, end.stopped) == (Outcome.INCONCLUSIVE, Stopped.GRADES)
    assert end.p_value(rules(300)) is None


def test_too_many_unscored_pairs_are_no_proof():
    end = run(pairs(both=370, unscored=30))
    assert (end.outcome, end.stopped) == (Outcome.INCONCLUSIVE, Stopped.UNSCORED)
    few = run(pairs(both=390, unscored=10))
    assert few.outcome is Outcome.ROUTE and few.looks[-1].unscored > 0


def test_nothing_but_unscored_pairs_says_nothing():
    end = run(pairs(unscored=300))
    assert end.outcome is Outcome.INCONCLUSIVE and end.looks[-1].pairs == 0


def test_a_relative_margin_is_a_share_of_the_baselines_score():
    # A loss of 2 points is 10 % of a baseline at 20 %, and well within 5 points of it.
    population = pairs(both=90, b=10, c=0, neither=400)
    assert run(population).outcome is Outcome.ROUTE
    assert run(population, relative=True).outcome is not Outcome.ROUTE


def test_graded_scores_are_judged_by_their_own_interval():
    chance = random.Random(1)
    population = []
    for _ in range(400):
        first = 0.8 + 0.1 * chance.random()
        second = first - 0.01 + 0.04 * (chance.random() - 0.5)
        population.append(Pair("e", "k", first - second, first, second))
    end = run(population)
    assert end.outcome is Outcome.ROUTE
    assert end.looks[-1].interval.estimate == pytest.approx(0.01, abs=0.005)
    assert run([Pair("e", "k", p.difference + 0.2, 1.0, 0.7) for p in population]).outcome is (
        Outcome.KEEP
    )


def test_how_many_more_pairs_is_none_where_more_would_not_help():
    assert Scores.of(pairs(both=80, b=12, c=4, neither=4)).pairs_needed(rules(100)) is None
    needed = Scores.of(pairs(both=80, b=8, c=6, neither=6)).pairs_needed(rules(100))
    assert needed is not None and 300 < needed < 1000


@pytest.mark.skipif(not INDEX.exists(), reason="no recordings beside the checkout")
@pytest.mark.parametrize(
    ("task", "least", "most"),
    [
        ("gsm", 0.88, 1.0),
        ("tools-complex", 0.95, 1.0),
        ("tools-simple", 0.27, 0.50),
        ("math-l5", 0.01, 0.15),
        ("mmlu", 0.0, 0.0),
        ("numersense", 0.0, 0.0),
        ("rag-json", 0.0, 0.0),
    ],
)
def test_recorded_tasks_are_routed_as_often_as_their_tables_say(task, least, most):
    entry = next(e for e in json.loads(INDEX.read_text()) if e["task"] == task)
    table = entry["right_by"]
    population = pairs(
        table["both"], table["expensive_only"], table["cheap_only"], table["neither"]
    )
    chance = random.Random(7)
    size = min(500, len(population))
    routed = [run(chance.sample(population, size)).outcome is Outcome.ROUTE for _ in range(150)]
    assert least <= sum(routed) / len(routed) <= most


def test_at_the_margin_a_route_comes_out_at_most_five_times_in_a_hundred():
    # A population of 100,000 whose true gap is exactly the margin, discordance 15 %.
    chance = random.Random(11)
    table = pairs(both=75, b=10, c=5, neither=10)
    routed = sum(run(chance.choices(table, k=300)).outcome is Outcome.ROUTE for _ in range(600))
    assert routed / 600 <= 0.05 + 3 * (0.05 * 0.95 / 600) ** 0.5


def test_a_pair_two_graders_disagree_on_counts_as_half_a_difference():
    graded = [Pair("e", "k", 0.0, 1.0, 1.0, graded=True)] * 2
    split = Pair("e", "k", 0.5, 1.0, 0.5, graded=True)
    scores = Scores.of([*pairs(both=97), *graded, split])
    assert scores.binary and scores.counts() == (99.5, 0.5, 0.0)
    whole, none = (Scores.of(pairs(both=99, b=1)), Scores.of(pairs(both=100)))
    high = [s.interval(1.645, rules(100)).high for s in (none, scores, whole)]
    assert high == sorted(high) and high[0] < high[1] < high[2]
    # Scores of a scorer that grades are read by their own test.
    assert not Scores.of([Pair("e", "k", 0.5, 1.0, 0.5), *graded]).binary
