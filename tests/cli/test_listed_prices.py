"""Prices looked up in a process of their own are those of the list."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime

import pytest

from downroute.cli import listed_prices
from downroute.cli.listed_prices import listed_elsewhere
from downroute.cli.pricing import price_table
from downroute.config import parse
from downroute.money.table import listed_rates

AT = datetime(2026, 11, 1, tzinfo=UTC)
MODELS = ["gpt-4o", "gpt-4o-mini", "no-such-model", "täsk 'x'"]


def test_they_are_those_that_are_found_in_this_process():
    found = listed_elsewhere(MODELS, AT)
    assert found == {model: listed_rates(model, AT) for model in MODELS}
    assert found["gpt-4o"] is not None and found["no-such-model"] is None


def test_where_the_process_fails_they_are_found_here(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(listed_prices.sys, "executable", "/no/such/python")
    table = price_table(parse("{}", "x"), AT, listed_elsewhere)
    table.look_up(MODELS)
    assert table.rates("gpt-4o") == listed_rates("gpt-4o", AT)


def test_this_process_does_not_load_the_list_for_them():
    script = """
import sys
from downroute.cli.listed_prices import listed_elsewhere
from downroute.cli.pricing import price_table
from downroute.config import parse
text = "models: {mine: {name: gpt-4o}}\\nprices: {own: {input: 1, output: 2}}"
table = price_table(parse(text, "x"), listing=listed_elsewhere)
table.look_up(["mine", "gpt-4o-mini", "own"])
assert table.rates("mine") == table.rates("gpt-4o") is not None
assert table.rates("gpt-4o-mini") and table.rates("own").input_usd == 1e-6
assert "genai_prices" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True)
