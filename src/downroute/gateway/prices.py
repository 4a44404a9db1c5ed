"""Rates the event loop may use without a look-up. Looking one up can take a third of a second
(the price list is large), so that is done by the thread that writes the log."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from downroute.money.rates import Rates, cost_usd
from downroute.money.table import PriceTable
from downroute.records import Usage


@dataclass(slots=True)
class _Known:
    """What one price table has said so far; made when it is needed."""

    make: Callable[[], PriceTable]
    table: PriceTable | None = None
    rates: dict[str, Rates | None] = field(default_factory=dict)

    def priced(self) -> PriceTable:
        if self.table is None:
            self.table = self.make()
        return self.table

    def look_up(self, models: Iterable[str]) -> None:
        table = self.priced()
        missing = [model for model in models if model not in self.rates]
        if len(missing) > 1:
            # A single one, which a client has named, may be one of many: no process for each.
            table.look_up(missing)
        for model in missing:
            self.rates[model] = table.rates(model)


class Prices:
    """The rates looked up so far. ``table`` makes the price table; the log's thread calls it."""

    def __init__(self, table: Callable[[], PriceTable]) -> None:
        self._known = _Known(table)

    def known_cost_usd(self, model: str, usage: Usage) -> float | None:
        """What an answer costs, where the model's rates have been looked up already."""
        return cost_usd(usage, self._known.rates.get(model))

    def cost_usd(self, model: str, usage: Usage) -> float | None:
        """What an answer costs; looks rates up. Only for the log's thread."""
        if usage.input_tokens is None or usage.output_tokens is None:
            return None
        known = self._known
        if model not in known.rates:
            known.look_up([model])
        return cost_usd(usage, known.rates[model])

    def look_up(self, models: Iterable[str]) -> None:
        """Get the rates of ``models``. Only for the log's thread."""
        self._known.look_up(models)

    def prepared(
        self, table: Callable[[], PriceTable], models: Iterable[str], *, same: bool = False
    ) -> Callable[[], None]:
        """Look ``models`` up in another price table, in any thread but the event loop's; what comes
        back, called, lets it take over. One that would say the ``same`` is not asked again what is
        known."""
        fresh = _Known(table)
        if same:
            fresh.rates.update(self._known.rates)
        fresh.look_up(list(models))

        def take() -> None:
            self._known = fresh

        return take
