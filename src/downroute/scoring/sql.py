"""SQL as sqlglot reads it: what the scorers of SQL share."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import lru_cache

from downroute.answers.code import code_blocks
from downroute.scoring.extra import load

MAX_CHARS = 50_000


@dataclass(frozen=True, slots=True)
class Statement:
    """``canonical``: equal for statements that differ only in spelling: case, quotes, spaces,
    comments, the order of AND and OR. ``reads``: a query that changes nothing. ``known`` is false
    for a statement of which sqlglot knows the first word only."""

    canonical: str
    reads: bool
    known: bool = True


def sql_of(text: str | None) -> str:
    """The SQL in an answer: its fenced blocks, else all of it."""
    said = text or ""
    blocks = [b.body for b in code_blocks(said) if b.language in ("", "sql") or "sql" in b.language]
    return ";\n".join(block.strip().rstrip(";") for block in blocks) if blocks else said.strip()


def known_dialect(name: str) -> bool:
    return load("sqlglot").Dialect.get(name) is not None


@lru_cache(maxsize=4096)
def parsed_sql(sql: str, dialect: str) -> tuple[Statement, ...]:
    """Every statement of ``sql``; empty where it is none or cannot be parsed."""
    sqlglot = load("sqlglot")
    if not sql or len(sql) > MAX_CHARS:
        return ()
    logger = logging.getLogger("sqlglot")
    level = logger.level
    logger.setLevel(logging.CRITICAL)  # it warns of statements it does not know
    try:
        trees = [tree for tree in sqlglot.parse(sql, dialect=dialect) if tree is not None]
        return tuple(_statement(tree, dialect) for tree in trees)
    except (sqlglot.errors.SqlglotError, RecursionError, ValueError):
        return ()
    finally:
        logger.setLevel(level)


def _statement(tree: object, dialect: str) -> Statement:
    """
    Raises:
        ValueError: sqlglot takes a bare word for an expression; it is no statement.
    """
    sqlglot = load("sqlglot")
    exp = sqlglot.exp
    if isinstance(tree, exp.Command):
        return Statement(tree.sql(dialect=dialect), reads=False, known=False)
    kinds = (
        *(exp.Query, exp.DML, exp.DDL, exp.Drop, exp.Alter, exp.TruncateTable, exp.Merge),
        *(exp.Show, exp.Describe, exp.Set, exp.Use, exp.Pragma, exp.Grant),
        *(exp.Transaction, exp.Commit, exp.Rollback),
    )
    if not isinstance(tree, kinds):
        raise ValueError("no statement")
    changes = (exp.DML, exp.DDL, exp.Drop, exp.Alter, exp.TruncateTable, exp.Into, exp.Merge)
    found = [node for node in tree.walk() if isinstance(node, changes)]
    reads = isinstance(tree, (exp.Query, exp.Show, exp.Describe)) and all(
        isinstance(n, exp.Query) for n in found
    )
    return Statement(_canonical(tree, dialect), reads)


def _canonical(tree: object, dialect: str) -> str:
    normalize = load("sqlglot.optimizer.normalize_identifiers").normalize_identifiers
    simplify = load("sqlglot.optimizer.simplify").simplify
    plain = simplify(normalize(tree, dialect=dialect), dialect=dialect)
    return str(plain.sql(dialect=dialect, comments=False, identify=True, normalize_functions=True))
