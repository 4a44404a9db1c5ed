"""The price table: a model's name → its rates.

The user's own prices win; what they do not name is looked up in the `genai-prices` data set that
is installed with downroute (never over the network). A model neither knows is *unpriced*: its
cost is ``None`` and every sum that needs it says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from downroute.money.rates import Rates

TOKENS_PER_PRICE = 1_000_000


@dataclass(slots=True)
class PriceTable:
    """Rates by model name as they stood ``at`` an instant, resolved once per name."""

    at: datetime
    own: Mapping[str, Rates] = field(default_factory=dict)
    _known: dict[str, Rates | None] = field(default_factory=dict, init=False, repr=False)

    def rates(self, model: str) -> Rates | None:
        """The rates of ``model``, or ``None`` where nobody states a price."""
        if model not in self._known:
            self._known[model] = self.own.get(model) or listed_rates(model, self.at)
        return self._known[model]


def rates_per_million(
    input_usd: float, output_usd: float, cached_input_usd: float | None = None, **facts: Any
) -> Rates:
    """Rates from prices as price lists state them: USD per million tokens."""
    return Rates(
        input_usd=input_usd / TOKENS_PER_PRICE,
        output_usd=output_usd / TOKENS_PER_PRICE,
        cached_input_usd=None if cached_input_usd is None else cached_input_usd / TOKENS_PER_PRICE,
        **facts,
    )


def listed_rates(model: str, at: datetime) -> Rates | None:
    """The list price of ``model`` at an instant, from genai-prices (no batch discounts)."""
    from genai_prices import data_snapshot

    try:
        provider, found = data_snapshot.get_snapshot().find_provider_model(model, None, None, None)
    except LookupError:
        return None
    price = found.get_prices(at)
    paid_in, paid_out = _base(price.input_mtok), _base(price.output_mtok)
    if paid_in is None or paid_out is None:
        return None
    return rates_per_million(
        paid_in,
        paid_out,
        _base(price.cache_read_mtok),
        input_limit=_first_tier(price.input_mtok),
        source=f"genai-prices {provider.id}/{found.id}",
    )


def _base(price: Any) -> float | None:
    """A price, or the base of one that rises with the input's length."""
    if price is None:
        return None
    return float(price) if isinstance(price, (int, float, Decimal)) else float(price.base)


def _first_tier(price: Any) -> int | None:
    tiers = getattr(price, "tiers", None)
    return min(int(t.start) for t in tiers) if tiers else None
