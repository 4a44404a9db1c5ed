"""The price table: a model's name → its rates.

The user's own prices win; what they do not name is looked up in the `genai-prices` data set that
is installed with downroute (never over the network). A model neither knows is *unpriced*: its
cost is ``None`` and every sum that needs it says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from downroute.money.rates import Rates

TOKENS_PER_PRICE = 1_000_000
SEARCHES_PER_PRICE = 1_000


Listing = Callable[[Sequence[str], datetime], Mapping[str, Rates | None]]
"""List prices of several models at once."""


@dataclass(slots=True)
class PriceTable:
    """Rates by model name as they stood ``at`` an instant, resolved once per name. A model that
    has no price by its own name is priced by its alias. ``listing`` looks many up at once,
    elsewhere than in this process, which then need not hold the list."""

    at: datetime
    own: Mapping[str, Rates] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    listing: Listing | None = None
    _known: dict[str, Rates | None] = field(default_factory=dict, init=False, repr=False)
    _listed: dict[str, Rates | None] = field(default_factory=dict, init=False, repr=False)

    def rates(self, model: str) -> Rates | None:
        """The rates of ``model``, or ``None`` where nobody states a price."""
        if model not in self._known:
            found = self._rates(model)
            if found is None and model in self.aliases:
                found = self._rates(self.aliases[model])
            self._known[model] = found
        return self._known[model]

    def look_up(self, models: Iterable[str]) -> None:
        """Get the list prices of ``models`` that will be asked for."""
        if self.listing is None:
            return
        names = [n for m in models for n in (m, self.aliases.get(m, m)) if n not in self.own]
        missing = [name for name in dict.fromkeys(names) if name not in self._listed]
        if missing:
            self._listed.update(self.listing(missing, self.at))

    def _rates(self, name: str) -> Rates | None:
        if name in self.own:
            return self.own[name]
        if name not in self._listed:
            self._listed[name] = listed_rates(name, self.at)
        return self._listed[name]


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
        as_of=at.date().isoformat(),
        apart=_apart(price),
    )


def _apart(price: Any) -> dict[str, float]:
    """USD for each of what `Usage.apart` names, as far as the list has it."""
    units = (
        ("cache_write", "cache_write_mtok", TOKENS_PER_PRICE),
        ("cache_write_1h", "cache_write_1h_mtok", TOKENS_PER_PRICE),
        ("audio_input", "input_audio_mtok", TOKENS_PER_PRICE),
        ("audio_output", "output_audio_mtok", TOKENS_PER_PRICE),
        ("web_search", "web_searches_kcount", SEARCHES_PER_PRICE),
    )
    stated = {kind: (_base(getattr(price, name, None)), per) for kind, name, per in units}
    return {kind: usd / per for kind, (usd, per) in stated.items() if usd is not None}


def _base(price: Any) -> float | None:
    """A price, or the base of one that rises with the input's length."""
    if price is None:
        return None
    return float(price) if isinstance(price, (int, float, Decimal)) else float(price.base)


def _first_tier(price: Any) -> int | None:
    tiers = getattr(price, "tiers", None)
    return min(int(t.start) for t in tiers) if tiers else None
