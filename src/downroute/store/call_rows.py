"""A Call, an Attempt and their table rows, both ways."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import structs

from downroute.records import Attempt, Call, Decision, Purpose, Usage
from downroute.store.encoding import as_answer, dump, load, load_answer, whole

USAGE_COLUMNS = (
    "input_tokens",
    "output_tokens",
    "cached_input_tokens",
    "reasoning_tokens",
    "usage_estimated",
    "usage_apart",
)
CALL_COLUMNS = (
    *("id", "source", "model", "fingerprint", "task", "source_row", "slice"),
    *("requested_model", "snapshot", "started_at", "latency_s", "first_byte_s"),
    *USAGE_COLUMNS,
    *("cost_usd", "status", "error", "stream", "decision", "reason", "policy_digest"),
    *("session", "subject", "request_id", "key_name"),
)
ATTEMPT_COLUMNS = (
    *("model", "purpose", "status", "error"),
    *USAGE_COLUMNS,
    *("cost_usd", "latency_s", "first_byte_s", "finish_reason", "snapshot", "checks", "signals"),
    "score",
)
BODY_COLUMNS = ("request", "answer", "reference", "altered", "attempt_answers")


def usage_row(usage: Usage) -> tuple[Any, ...]:
    return (
        whole(usage.input_tokens),
        whole(usage.output_tokens),
        whole(usage.cached_input_tokens),
        whole(usage.reasoning_tokens),
        int(usage.estimated),
        _apart(usage),
    )


def usage_from_row(row: tuple[Any, ...]) -> Usage:
    apart = () if row[5] is None else tuple(load(row[5]).items())
    return Usage(row[0], row[1], row[2], row[3], bool(row[4]), apart)


def _apart(usage: Usage) -> str | None:
    return dump(dict(usage.apart)) if usage.apart else None


# What is stored is of SQLite's own types: any other, a bool or an enum's member too, is adapted by
# a look-up that takes longer than storing it. An integer that SQLite cannot hold is put right where
# it is refused (`database.execute_many`), so that the others need not be looked at.

_TOLD: Mapping[Decision | Purpose, str] = {m: str(m.value) for m in (*Decision, *Purpose)}


def call_row(call: Call, error: str | None) -> tuple[Any, ...]:
    """A call's own columns; ``error`` is its error as far as it may be kept."""
    usage, decision = call.usage, call.decision
    return (
        call.id,
        call.source,
        call.model,
        call.fingerprint,
        call.task,
        call.row,
        call.slice,
        call.requested_model,
        call.snapshot,
        call.started_at,
        call.latency_s,
        call.first_byte_s,
        usage.input_tokens,
        usage.output_tokens,
        usage.cached_input_tokens,
        usage.reasoning_tokens,
        1 if usage.estimated else 0,
        _apart(usage),
        call.cost_usd,
        call.status,
        error,
        1 if call.stream else 0,
        None if decision is None else _TOLD[decision],
        call.reason,
        call.policy_digest,
        call.session,
        call.subject,
        call.request_id,
        call.key_name,
    )


def call_from_row(row: tuple[Any, ...]) -> Call:
    """The call in ``CALL_COLUMNS``, without its attempts and its words."""
    return Call(
        id=row[0],
        source=row[1],
        model=row[2],
        fingerprint=row[3],
        task=row[4],
        row=row[5],
        slice=row[6],
        requested_model=row[7],
        snapshot=row[8],
        started_at=row[9],
        latency_s=row[10],
        first_byte_s=row[11],
        usage=usage_from_row(row[12:18]),
        cost_usd=row[18],
        status=row[19],
        error=row[20],
        stream=bool(row[21]),
        decision=None if row[22] is None else Decision(row[22]),
        reason=row[23],
        policy_digest=row[24],
        session=row[25],
        subject=row[26],
        request_id=row[27],
        key_name=row[28],
    )


def with_body(call: Call, body: tuple[Any, ...]) -> Call:
    """The call with the words in ``BODY_COLUMNS``."""
    request, answer, reference, altered, others = body
    said = {int(index): as_answer(other) for index, other in (load(others) or {}).items()}
    return structs.replace(
        call,
        attempts=tuple(
            structs.replace(a, answer=said[i]) if i in said else a
            for i, a in enumerate(call.attempts)
        ),
        request=load(request),
        answer=load_answer(answer),
        reference=load(reference),
        altered=bool(altered),
    )


def attempt_row(attempt: Attempt, error: str | None) -> tuple[Any, ...]:
    usage, checks, signals = attempt.usage, attempt.checks, attempt.signals
    return (
        attempt.model,
        _TOLD[attempt.purpose],
        attempt.status,
        error,
        usage.input_tokens,
        usage.output_tokens,
        usage.cached_input_tokens,
        usage.reasoning_tokens,
        1 if usage.estimated else 0,
        _apart(usage),
        attempt.cost_usd,
        attempt.latency_s,
        attempt.first_byte_s,
        attempt.finish_reason,
        attempt.snapshot,
        dump(checks) if checks else "{}",
        dump(signals) if signals else "{}",
        attempt.score,
    )


def attempt_from_row(row: tuple[Any, ...]) -> Attempt:
    return Attempt(
        model=row[0],
        purpose=Purpose(row[1]),
        status=row[2],
        error=row[3],
        usage=usage_from_row(row[4:10]),
        cost_usd=row[10],
        latency_s=row[11],
        first_byte_s=row[12],
        finish_reason=row[13],
        snapshot=row[14],
        checks=load(row[15]),
        signals=load(row[16]),
        score=row[17],
    )
