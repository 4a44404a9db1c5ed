import pytest

from downroute.money.table import rates_per_million
from downroute.records import Answer, Example, Usage
from downroute.stats.noninferiority import tango_z
from downroute.stats.planning import difference_sd, pairs_for_power
from downroute.study.plan import estimate_usd, fewest_pairs, plan_task, provable_discordance


def example(**facts):
    request = {"messages": [{"role": "user", "content": "x" * 400}]}
    return Example("e", "t", request, "d", Answer("y" * 40), **facts)


def test_the_fewest_pairs_are_what_the_test_needs_without_one_difference():
    for margin, alpha, z in ((0.05, 0.05, 1.6449), (0.03, 0.05, 1.6449), (0.05, 0.025, 1.96)):
        fewest = fewest_pairs(margin, alpha=alpha)
        assert tango_z(0, 0, fewest, margin) < -z <= tango_z(0, 0, fewest - 1, margin)


def test_what_is_provable_is_what_planning_says():
    provable = provable_discordance(500, 0.05, alpha=0.05)
    needed = pairs_for_power(0.0, difference_sd(0.0, provable), 0.05)
    assert needed == pytest.approx(500, abs=1)


def test_the_estimate_takes_the_logged_tokens_else_four_characters_each():
    rates = rates_per_million(1.0, 10.0)
    logged = example(baseline_usage=Usage(1000, 100))
    assert estimate_usd(logged, rates) == pytest.approx(0.002)
    guessed = estimate_usd(example(), rates)
    assert guessed == pytest.approx(0.0001 + 0.0001, rel=0.2)
    assert estimate_usd(logged, None) is None


def test_a_plan_with_an_unpriced_candidate_has_no_cost():
    def planned(rates):
        return plan_task(
            task="t", shape="number", scorer="number", scorer_reason="because",
            examples=[example(reference=1)] * 60, rates=rates, margin=0.05, alpha=0.05,
        )  # fmt: skip

    cheap = rates_per_million(1.0, 1.0)
    assert planned([cheap, None]).cost_usd is None
    plan = planned([cheap])
    assert plan.cost_usd > 0 and plan.looks == (60,) and plan.references == 60
