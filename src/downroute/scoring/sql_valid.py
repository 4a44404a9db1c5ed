"""The answer is SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from downroute.errors import UsageError
from downroute.records import Answer, Json, Score
from downroute.scoring.extra import require
from downroute.scoring.scorer import PASS, fail
from downroute.scoring.sql import known_dialect, parsed_sql, sql_of


@dataclass(frozen=True, slots=True)
class SqlValid:
    """0 or 1: 1 where the answer, or its fenced block, is one or more SQL statements that sqlglot
    can parse in ``dialect`` (``postgres``, ``mysql``, …; empty = its own broad one). With
    ``read_only: true`` queries only. Whether tables exist and the result is right does not count.

    Raises:
        UsageError: sqlglot is not installed or does not know ``dialect``.
    """

    name: ClassVar[str] = "sql_valid"
    needs_reference: ClassVar[bool] = False
    dialect: str = ""
    read_only: bool = False

    def __post_init__(self) -> None:
        require(self.name, "sqlglot", "sql")
        if not known_dialect(self.dialect):
            raise UsageError(f"'{self.dialect}' is no dialect that sqlglot knows")

    def score(self, answer: Answer, reference: Json, request: Mapping[str, Json]) -> Score:  # noqa: ARG002
        parsed = parsed_sql(sql_of(answer.text), self.dialect)
        if not parsed:
            return fail("it cannot be parsed as SQL")
        if not all(statement.known for statement in parsed):
            return Score.unscored("sqlglot does not know this kind of statement")
        if self.read_only and not all(statement.reads for statement in parsed):
            return fail("it does more than read")
        return PASS

    def same(self, first: Answer, second: Answer) -> bool:
        return (first.text or "").strip() == (second.text or "").strip()
