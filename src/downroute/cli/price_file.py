"""Prices from a file of their own, over the configured ones, over those beside the recordings."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rich.console import Console

from downroute.cli.pricing import own_rates, price_table
from downroute.config import Settings
from downroute.errors import InputError
from downroute.money.rates import Rates, cost_usd
from downroute.money.table import rates_per_million
from downroute.records import Usage

BESIDE = "prices.json"


def known_prices(
    settings: Settings, file: Path | None, recordings: Sequence[Path], output: Console
) -> Callable[[str, str | None, Usage], float | None]:
    """What an answer costs: by ``file``, by ``downroute.yaml``, by ``prices.json`` beside one of
    ``recordings``, by the price list, whichever names its model (or its snapshot) first."""
    rates: dict[str, Rates] = {}
    for folder in dict.fromkeys(path if path.is_dir() else path.parent for path in recordings):
        beside = folder / BESIDE
        if beside.is_file() and beside != file:
            rates.update(read_prices(beside))
            output.print(f"prices: {beside}", style="dim")
    rates.update({name: own_rates(settings, name) for name in settings.prices})
    if file is not None:
        rates.update(read_prices(file))
    listed = price_table(settings)

    def price(model: str, snapshot: str | None, usage: Usage) -> float | None:
        for name in (model, snapshot):
            known = None if name is None else rates.get(name) or listed.rates(name)
            if known is not None:
                return cost_usd(usage, known)
        return None

    return price


def read_prices(path: Path) -> dict[str, Rates]:
    """``{"models": {NAME: {"input": USD, "output": USD, "cached_input"?: USD}}}``, USD per million
    tokens; the outer ``models`` may be left out.

    Raises:
        InputError: the file says anything else.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as fault:
        raise InputError(f"{path}: not JSON: {fault}") from None
    models = found.get("models", found) if isinstance(found, Mapping) else None
    if not isinstance(models, Mapping):
        raise InputError(f"{path}: wants {{models: {{NAME: {{input: USD, output: USD}}}}}}")
    return {str(name): _rates(path, str(name), entry) for name, entry in models.items()}


def _rates(path: Path, name: str, entry: object) -> Rates:
    known = entry if isinstance(entry, Mapping) else {}
    paid = [known.get(key) for key in ("input", "output", "cached_input")]
    for amount in paid[: 2 if paid[2] is None else 3]:
        if isinstance(amount, bool) or not isinstance(amount, (int, float)) or not amount >= 0:
            raise InputError(f"{path}: {name}: wants input and output, USD per million tokens")
    return rates_per_million(paid[0], paid[1], paid[2], source=str(path))  # type: ignore[arg-type]
