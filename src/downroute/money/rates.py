"""Per-token rates and the one function that prices an answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from downroute.records import Usage

_CACHE_WRITES = {"cache_write": 1.25, "cache_write_1h": 2.0}
"""Beside the input's price, where a source names none: Anthropic's, who alone charge for it on most
models (docs.anthropic.com/en/docs/build-with-claude/prompt-caching#pricing)."""
_OF_INPUT = frozenset({*_CACHE_WRITES, "audio_input"})
_OF_OUTPUT = frozenset({"audio_output"})


@dataclass(frozen=True, slots=True)
class Rates:
    """What one token costs, in USD, and who says so.

    ``cached_input_usd`` is the rate of input tokens read from the provider's cache, ``None``
    where the source names none (they are then priced like any input token, which can only
    overstate the cost). ``input_limit`` is the input length in tokens beyond which these rates
    no longer hold, ``None`` = no such length. ``as_of`` is the day (ISO 8601) they held: the one
    that was stated with them, or the one that a price list was asked for. ``apart`` prices what
    `Usage.apart` names, a token or a search each.
    """

    input_usd: float
    output_usd: float
    cached_input_usd: float | None = None
    input_limit: int | None = None
    source: str = ""
    as_of: str | None = None
    apart: Mapping[str, float] = field(default_factory=dict)

    def rate_apart(self, kind: str) -> float | None:
        """What one of a `kind` costs; ``None`` = not known."""
        stated = self.apart.get(kind)
        if stated is None and kind in _CACHE_WRITES:
            return self.input_usd * _CACHE_WRITES[kind]
        return stated


def cost_usd(usage: Usage, rates: Rates | None) -> float | None:
    """The cost of one answer in USD; ``None`` where tokens or rates are not known, be it of one
    kind of tokens among others."""
    if rates is None or usage.input_tokens is None or usage.output_tokens is None:
        return None
    if rates.input_limit is not None and usage.input_tokens > rates.input_limit:
        return None
    cached = min(usage.cached_input_tokens or 0, usage.input_tokens)
    cached_rate = rates.input_usd if rates.cached_input_usd is None else rates.cached_input_usd
    fresh, written, apart_usd = usage.input_tokens - cached, usage.output_tokens, 0.0
    for kind, count in usage.apart:
        rate = rates.rate_apart(kind)
        if rate is None:
            return None
        apart_usd += count * rate
        if kind in _OF_INPUT:
            fresh = max(0, fresh - count)
        elif kind in _OF_OUTPUT:
            written = max(0, written - count)
    told = fresh * rates.input_usd + cached * cached_rate + written * rates.output_usd
    return told + apart_usd
