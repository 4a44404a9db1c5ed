"""Costs that were not known when a call was logged, entered once somebody states the price."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from downroute.records import Usage
from downroute.store.call_rows import USAGE_COLUMNS, usage_from_row
from downroute.store.database import Database

Price = Callable[[str, str | None, Usage], float | None]
"""(model, snapshot, usage) → USD, ``None`` where the price is not known."""

_PAGE = 1000


def fill_missing_costs(database: Database, price: Price) -> int:
    """Price what has tokens but no cost: attempts, calls whose attempts have no rows of their own,
    and then the calls whose attempts all have a cost. Costs that are there stay. How many calls got
    one."""
    _fill(database, "attempt_rows", "attempt_rows", ("call", "n"), "", price)
    alone = "AND NOT EXISTS (SELECT 1 FROM attempt_rows WHERE attempt_rows.call = calls.n)"
    filled = _fill(database, "calls", "call_rows", ("n",), alone, price)
    with database.writing() as connection:
        return filled + connection.execute(_ADD_UP).rowcount


def _fill(
    database: Database, shown: str, table: str, key: Sequence[str], only: str, price: Price
) -> int:
    """Price the rows of one table, which ``shown`` shows whole, a page at a time; how many."""
    keys, places = ", ".join(key), ", ".join("?" * len(key))
    select = f"""
        SELECT {keys}, model, snapshot, {", ".join(USAGE_COLUMNS)} FROM {shown}
        WHERE cost_usd IS NULL AND input_tokens IS NOT NULL AND output_tokens IS NOT NULL
              AND ({keys}) > ({places}) {only}
        ORDER BY {keys} LIMIT {_PAGE}"""
    update = f"UPDATE {table} SET cost_usd = ? WHERE cost_usd IS NULL AND ({keys}) = ({places})"
    filled = 0
    last: tuple[int, ...] = (-1,) * len(key)
    while True:
        with database.reading() as connection:
            rows = connection.execute(select, last).fetchall()
        known = []
        for row in rows:
            last, (model, snapshot, *usage) = row[: len(key)], row[len(key) :]
            cost = price(model, snapshot, usage_from_row(tuple(usage)))
            if cost is not None:
                known.append((cost, *last))
        if known:
            with database.writing() as connection:
                filled += connection.executemany(update, known).rowcount
        if len(rows) < _PAGE:
            return filled


_ADD_UP = """
    UPDATE call_rows
    SET cost_usd = (SELECT sum(cost_usd) FROM attempt_rows WHERE call = call_rows.n)
    WHERE cost_usd IS NULL AND (
        SELECT count(*) > 0 AND count(*) = count(cost_usd) FROM attempt_rows
        WHERE call = call_rows.n)"""
