"""The log in figures, added up where it lies: a million calls never leave SQLite."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class CallGroup:
    """The calls of one task, fingerprint and model. Sums are over the calls that know the
    figure, ``None`` where none does; the counts say how many do not."""

    task: str | None
    fingerprint: str
    model: str
    calls: int
    failed: int
    input_tokens: int | None
    output_tokens: int | None
    cached_input_tokens: int | None
    reasoning_tokens: int | None
    without_usage: int
    """Calls whose input or output tokens are not known."""
    usage_estimated: int
    cost_usd: float | None
    unpriced: int
    first_started_at: float | None
    last_started_at: float | None
    dated: int = 0
    """Calls whose start is known."""
    refused: int = 0
    """Calls without a cost that the upstream refused with an HTTP error: nobody is billed."""
    with_content: int = 0
    """Calls whose request and answer are both kept."""
    snapshots: tuple[str, ...] = ()
    """The names by which the upstream said it answered, sorted."""


def summary(connection: sqlite3.Connection, since: float | None) -> list[CallGroup]:
    """One group per task, fingerprint and model, largest first."""
    rows = connection.execute(_STATEMENT, {"since": since})
    return [CallGroup(*(*row[:-1], tuple(sorted(json.loads(row[-1]))))) for row in rows]


class KeptCall(NamedTuple):
    """A call whose request and answer are kept."""

    task: str | None
    fingerprint: str
    id: str


def content_sample(connection: sqlite3.Connection, per_task: int, most: int) -> list[KeptCall]:
    """Up to ``per_task`` calls with content of each declared task and each undeclared
    fingerprint, spread evenly over the log; ``most`` in all, largest tasks first."""
    rows = connection.execute(_SAMPLE, {"per_task": per_task, "most": most})
    return [KeptCall(*row) for row in rows]


_STATEMENT = """
    SELECT task, fingerprint, model, count(*) AS size, count(error),
           sum(input_tokens), sum(output_tokens), sum(cached_input_tokens), sum(reasoning_tokens),
           count(*) - count(input_tokens + output_tokens), sum(usage_estimated),
           sum(cost_usd), count(*) - count(cost_usd), min(started_at), max(started_at),
           count(started_at), count(*) FILTER (WHERE cost_usd IS NULL AND status >= 400),
           count(bodies.request IS NOT NULL AND bodies.answer IS NOT NULL OR NULL),
           json_group_array(DISTINCT snapshot) FILTER (WHERE snapshot IS NOT NULL)
    FROM calls LEFT JOIN bodies ON bodies.call = calls.n
    WHERE :since IS NULL OR started_at >= :since
    GROUP BY task, fingerprint, model ORDER BY size DESC, task, fingerprint, model"""

_SAMPLE = """
    SELECT task, fingerprint, id FROM (
        SELECT task, fingerprint, id, n, row_number() OVER (same ORDER BY n) AS place,
               count(*) OVER same AS size
        FROM calls JOIN bodies ON bodies.call = calls.n
        WHERE bodies.request IS NOT NULL AND bodies.answer IS NOT NULL
        WINDOW same AS (PARTITION BY task, iif(task IS NULL, fingerprint, NULL)))
    WHERE place * :per_task / size > (place - 1) * :per_task / size
    ORDER BY size DESC, n LIMIT :most"""
