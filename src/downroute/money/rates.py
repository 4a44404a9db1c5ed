"""Per-token rates and the one function that prices an answer."""

from __future__ import annotations

from dataclasses import dataclass

from downroute.records import Usage


@dataclass(frozen=True, slots=True)
class Rates:
    """What one token costs, in USD, and who says so.

    ``cached_input_usd`` is the rate of input tokens read from the provider's cache, ``None``
    where the source names none (they are then priced like any input token, which can only
    overstate the cost). ``input_limit`` is the input length in tokens beyond which these rates
    no longer hold, ``None`` = no such length. ``as_of`` is the day (ISO 8601) they held: the one
    that was stated with them, or the one that a price list was asked for.
    """

    input_usd: float
    output_usd: float
    cached_input_usd: float | None = None
    input_limit: int | None = None
    source: str = ""
    as_of: str | None = None


def cost_usd(usage: Usage, rates: Rates | None) -> float | None:
    """The cost of one answer in USD; ``None`` where tokens or rates are not known."""
    if rates is None or usage.input_tokens is None or usage.output_tokens is None:
        return None
    if rates.input_limit is not None and usage.input_tokens > rates.input_limit:
        return None
    cached = min(usage.cached_input_tokens or 0, usage.input_tokens)
    cached_rate = rates.input_usd if rates.cached_input_usd is None else rates.cached_input_usd
    fresh = usage.input_tokens - cached
    return fresh * rates.input_usd + cached * cached_rate + usage.output_tokens * rates.output_usd
