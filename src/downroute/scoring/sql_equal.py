"""The answer is the reference's SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from downroute.answers.final_value import as_text, final_reference, final_value
from downroute.errors import UsageError
from downroute.records import Answer, Json, Score
from downroute.scoring.extra import require
from downroute.scoring.scorer import PASS, acceptable, fail
from downroute.scoring.sql import known_dialect, parsed_sql, sql_of


@dataclass(frozen=True, slots=True)
class SqlEqual:
    """0 or 1: 1 where the answer's SQL (or that of its JSON ``field``) is the reference's but for
    spelling: case, quotes, white space, comments, the order of conditions, constants worked out.
    It compares statements, not results: another query with the same result fails, so a 0 is a
    weaker word than a 1. ``dialect`` as for ``sql_valid``.

    Raises:
        UsageError: sqlglot is not installed or does not know ``dialect``.
    """

    name: ClassVar[str] = "sql_equal"
    needs_reference: ClassVar[bool] = True
    field: str | None = None
    dialect: str = ""

    def __post_init__(self) -> None:
        require(self.name, "sqlglot", "sql")
        if not known_dialect(self.dialect):
            raise UsageError(f"'{self.dialect}' is no dialect that sqlglot knows")

    def score(self, answer: Answer, reference: Json, request: Mapping[str, Json]) -> Score:  # noqa: ARG002
        wanted = final_reference(reference, self.field)
        if wanted.missing is not None:
            return Score.unscored(wanted.missing)
        right = {self._read(as_text(value)) for value in acceptable(wanted.value)} - {()}
        if not right:
            return Score.unscored("the reference cannot be parsed as SQL")
        said = final_value(answer, self.field)
        if said.text is None:
            return fail(said.missing or "the answer has no text")
        found = self._read(said.text)
        if not found:
            return fail("it cannot be parsed as SQL")
        return PASS if found in right else fail("another statement")

    def same(self, first: Answer, second: Answer) -> bool:
        one, other = (final_value(answer, self.field).text for answer in (first, second))
        read = [self._read(text) for text in (one, other) if text is not None]
        if len(read) == 2 and all(read):
            return read[0] == read[1]
        return (first.text or "").strip() == (second.text or "").strip()

    def _read(self, text: str) -> tuple[str, ...]:
        return tuple(s.canonical for s in parsed_sql(sql_of(text), self.dialect))
