"""Rates the event loop may use without a look-up. Looking one up can take a third of a second
(the price list is large), so that is done by the thread that writes the log."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from downroute.money.rates import Rates, cost_usd
from downroute.money.table import PriceTable
from downroute.records import Usage


class Prices:
    """The rates looked up so far. ``table`` makes the price table; the log's thread calls it."""

    def __init__(self, table: Callable[[], PriceTable]) -> None:
        self._make_table = table
        self._table: PriceTable | None = None
        self._known: dict[str, Rates | None] = {}

    def known_cost_usd(self, model: str, usage: Usage) -> float | None:
        """What an answer costs, where the model's rates have been looked up already."""
        return cost_usd(usage, self._known.get(model))

    def cost_usd(self, model: str, usage: Usage) -> float | None:
        """What an answer costs; looks rates up. Only for the log's thread."""
        if usage.input_tokens is None or usage.output_tokens is None:
            return None
        if model not in self._known:
            self.look_up([model])
        return cost_usd(usage, self._known[model])

    def take_own(self, models: Iterable[str]) -> None:
        """Get the rates of those of ``models`` that the settings price: that takes no time."""
        table = self._priced()
        self._known.update({model: table.rates(model) for model in models if model in table.own})

    def look_up(self, models: Iterable[str]) -> None:
        """Get the rates of ``models``. Only for the log's thread."""
        table = self._priced()
        missing = [model for model in models if model not in self._known]
        if len(missing) > 1:
            # A single one, which a client has named, may be one of many: no process for each.
            table.look_up(missing)
        for model in missing:
            self._known[model] = table.rates(model)

    def _priced(self) -> PriceTable:
        if self._table is None:
            self._table = self._make_table()
        return self._table
