from datetime import UTC, datetime

import pytest

from downroute.money.rates import cost_usd
from downroute.money.savings import RouteCost
from downroute.money.table import PriceTable, listed_rates, rates_per_million
from downroute.records import Usage

AT = datetime(2026, 11, 24, tzinfo=UTC)


def test_cached_tokens_are_part_of_the_input_and_have_their_own_rate():
    rates = rates_per_million(2.0, 10.0, 0.5)
    usage = Usage(input_tokens=1_000_000, output_tokens=100_000, cached_input_tokens=400_000)
    assert cost_usd(usage, rates) == pytest.approx(0.6 * 2 + 0.4 * 0.5 + 0.1 * 10)


def test_without_a_cache_rate_cached_tokens_cost_like_any_other():
    usage = Usage(100, 10, cached_input_tokens=50)
    assert cost_usd(usage, rates_per_million(2.0, 10.0)) == pytest.approx(300e-6)


def test_what_is_not_known_costs_none_and_never_zero():
    rates = rates_per_million(2.0, 10.0)
    assert cost_usd(Usage(), rates) is None
    assert cost_usd(Usage(10, None), rates) is None
    assert cost_usd(Usage(10, 10), None) is None
    assert cost_usd(Usage(11, 1), rates_per_million(2.0, 10.0, input_limit=10)) is None


APART = (
    ("cache_write", 200_000),
    ("cache_write_1h", 100_000),
    ("audio_input", 50_000),
    ("audio_output", 20_000),
    ("web_search", 3),
)


def test_what_is_billed_apart_is_priced_apart_and_counted_once():
    usage = Usage(1_000_000, 100_000, cached_input_tokens=400_000, apart=APART)
    prices = {"audio_input": 40e-6, "audio_output": 80e-6, "web_search": 0.01}
    rates = rates_per_million(2.0, 10.0, 0.5, apart=prices)
    plain = 0.25 * 2 + 0.4 * 0.5 + 0.08 * 10
    written = 0.2 * 2 * 1.25 + 0.1 * 2 * 2
    assert cost_usd(usage, rates) == pytest.approx(plain + written + 2 + 1.6 + 0.03)
    stated = rates_per_million(2.0, 10.0, 0.5, apart={**prices, "cache_write": 9e-6})
    assert cost_usd(usage, stated) == pytest.approx(plain + 1.8 + 0.4 + 2 + 1.6 + 0.03)


@pytest.mark.parametrize("kind", ["audio_input", "audio_output", "web_search", "anything_else"])
def test_what_is_billed_apart_at_an_unknown_rate_makes_the_cost_unknown(kind):
    assert cost_usd(Usage(10, 10, apart=((kind, 1),)), rates_per_million(2.0, 10.0)) is None


def test_the_list_prices_apart_what_it_prices_apart():
    rates = listed_rates("claude-sonnet-4-5", AT)
    assert rates is not None
    assert rates.apart["cache_write"] == pytest.approx(1.25 * rates.input_usd)
    assert rates.apart["cache_write_1h"] == pytest.approx(2 * rates.input_usd)
    assert rates.apart["web_search"] == pytest.approx(0.01)


def test_the_users_price_wins_and_unknown_models_are_unpriced():
    own = rates_per_million(1.0, 1.0, source="mine")
    table = PriceTable(AT, {"gpt-4o": own})
    assert table.rates("gpt-4o") is own
    assert table.rates("no-such-model-anywhere") is None
    listed = table.rates("gpt-4o-mini")
    assert listed is not None and listed.input_usd == pytest.approx(0.15e-6)
    assert listed.source.startswith("genai-prices")
    assert listed.as_of == AT.date().isoformat()


def test_rates_that_rise_with_length_are_not_used_beyond_their_first_tier():
    rates = listed_rates("gemini-2.5-pro", AT)
    assert rates is not None and rates.input_limit == 200_000


def test_the_formula_of_a_cascade():
    # r = 0.06, e = 0.2, a = 0.02 with a judge at half a baseline call: 0.06 + 0.2 + 0.03.
    cost = RouteCost(1.0, 0.06, escalation=0.2, shadow=0.02, judge_ratio=0.5)
    assert cost.relative() == pytest.approx(0.29)
    assert cost.saving_share() == pytest.approx(0.71)
    assert cost.break_even_escalation() == pytest.approx(0.91)


def test_savings_are_net_of_measuring_and_may_be_negative():
    cheap = RouteCost(0.004, 0.0002, measuring_usd=10.0, requests=1000)
    assert cheap.saving_share() == pytest.approx(1 - 0.05 - 2.5)
