"""What many calls have in common, stored once."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Mapping

from downroute.store.call_rows import KIND_COLUMNS, Values
from downroute.store.encoding import dump
from downroute.store.statements import execute

_MOST_KNOWN = 4096
"""Kinds remembered; what clients make up (a task of its own for each call) does not fill the
memory."""


class CallKinds:
    """The kinds of one store by what they hold, as far as they are known to be in it. Nothing is
    ever changed or deleted among them."""

    def __init__(self) -> None:
        self._known: dict[Values, int] = {}

    def numbers(
        self, connection: sqlite3.Connection, wanted: list[Values]
    ) -> tuple[list[int], Mapping[Values, int]]:
        """The number of each, entered where it is new; and those to `remember` once that is
        committed."""
        known = self._known
        fresh: dict[Values, int] = {}
        numbers: list[int] = []
        for values in wanted:
            number = known.get(values)
            if number is None:
                number = fresh.get(values)
                if number is None:
                    number = fresh[values] = _entered(connection, values)
            numbers.append(number)
        return numbers, fresh

    def remember(self, fresh: Mapping[Values, int]) -> None:
        if fresh:
            if len(self._known) + len(fresh) > _MOST_KNOWN:
                self._known.clear()
            self._known.update(fresh)


def _entered(connection: sqlite3.Connection, values: Values) -> int:
    *plain, checks = values
    row = (*plain, None if checks is None else dump(dict(checks)))
    digest = hashlib.blake2b(dump(row).encode(), digest_size=16).digest()
    found = connection.execute("SELECT n FROM call_kinds WHERE digest = ?", (digest,)).fetchone()
    if found is None:
        return int(execute(connection, _ENTER, (digest, *row)).lastrowid or 0)
    return int(found[0])


_ENTER = (
    f"INSERT INTO call_kinds (digest, {', '.join(KIND_COLUMNS)}) "
    f"VALUES (?{', ?' * len(KIND_COLUMNS)})"
)
