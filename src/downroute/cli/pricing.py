"""The price table of a configuration. It stands here because prices are two rooms' business: what
the user wrote is `config`'s, what a model costs is `money`'s, and those rooms know nothing of each
other.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from downroute.config import Settings
from downroute.money.rates import Rates, cost_usd
from downroute.money.table import (
    SEARCHES_PER_PRICE,
    TOKENS_PER_PRICE,
    Listing,
    PriceTable,
    rates_per_million,
)
from downroute.records import Usage


def price_table(
    settings: Settings, at: datetime | None = None, listing: Listing | None = None
) -> PriceTable:
    """The user's own prices over the installed price list, as they stand ``at`` (default: now).

    A model that an upstream knows by another name is priced by that name where its own has no
    price.
    """
    own = {name: own_rates(settings, name) for name in settings.prices}
    aliases = {model: e.name for model, e in settings.models.items() if e.name is not None}
    return PriceTable(at or datetime.now(UTC), own, aliases, listing)


def pricing(table: PriceTable) -> Callable[[str, str | None, Usage], float | None]:
    """What an answer costs by its model's price, else by that of the snapshot that answered."""

    def price(model: str, snapshot: str | None, usage: Usage) -> float | None:
        rates = table.rates(model)
        if rates is None and snapshot is not None:
            rates = table.rates(snapshot)
        return cost_usd(usage, rates)

    return price


def own_rates(settings: Settings, model: str) -> Rates:
    """The rates of a model priced in ``downroute.yaml``."""
    price = settings.prices[model]
    tokens = ("cache_write", "cache_write_1h", "audio_input", "audio_output")
    stated = [(kind, getattr(price, kind), TOKENS_PER_PRICE) for kind in tokens]
    stated.append(("web_search", price.web_search, SEARCHES_PER_PRICE))
    return rates_per_million(
        price.input,
        price.output,
        price.cached_input,
        source=price.source,
        as_of=price.date,
        apart={kind: usd / per for kind, usd, per in stated if usd is not None},
    )
