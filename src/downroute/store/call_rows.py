"""A Call, an Attempt and their table rows, both ways.

What many calls have in common is stored once, as their kind, and so is what is said of a call's
only attempt; the rest is the call's own row. That is a third of the values and a quarter of the
bytes of a row that holds everything.
"""

from __future__ import annotations

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
ROW_COLUMNS = (
    *("id", "fingerprint", "source_row", "slice", "started_at", "latency_s", "first_byte_s"),
    *("input_tokens", "output_tokens", "cached_input_tokens", "reasoning_tokens", "usage_apart"),
    *("cost_usd", "status", "error", "reason", "session", "subject", "request_id"),
    *("attempt_latency_s", "attempt_first_byte_s", "score", "words_since"),
)
"""What is a call's own, and three times its only attempt's. ``reason`` stands in the kind where
there is but one attempt: what is said of several names their scores."""
KIND_COLUMNS = (
    *("source", "model", "task", "requested_model", "snapshot", "usage_estimated", "stream"),
    *("decision", "reason", "policy_digest", "key_name"),
    *("purpose", "attempt_status", "finish_reason", "checks"),
)
"""What many calls have in common, the last four their only attempt's; ``purpose`` is NULL where the
attempts have rows of their own."""
ATTEMPT_COLUMNS = (
    *("model", "purpose", "status", "error"),
    *USAGE_COLUMNS,
    *("cost_usd", "latency_s", "first_byte_s", "finish_reason", "snapshot", "checks", "signals"),
    "score",
)
BODY_COLUMNS = ("request", "answer", "reference", "altered", "attempt_answers")

Values = tuple[Any, ...]


def usage_row(usage: Usage) -> Values:
    return (
        whole(usage.input_tokens),
        whole(usage.output_tokens),
        whole(usage.cached_input_tokens),
        whole(usage.reasoning_tokens),
        int(usage.estimated),
        _apart(usage),
    )


def usage_from_row(row: Values) -> Usage:
    return Usage(row[0], row[1], row[2], row[3], bool(row[4]), _apart_from(row[5]))


def _apart(usage: Usage) -> str | None:
    return dump(dict(usage.apart)) if usage.apart else None


def _apart_from(text: str | None) -> tuple[tuple[str, int], ...]:
    return () if text is None else tuple(load(text).items())


# What is stored is of SQLite's own types: any other, a bool or an enum's member too, is adapted by
# a look-up that takes longer than storing it. An integer that SQLite cannot hold is put right where
# it is refused (`statements.execute`), so that the others need not be looked at.


def told_by_its_call(call: Call) -> Attempt | None:
    """The only attempt of a call, where the two rows hold all that is known of it."""
    attempts = call.attempts
    if len(attempts) != 1:
        return None
    only = attempts[0]
    same = (
        only.error is None
        and not only.signals
        and only.model == call.model
        and only.snapshot == call.snapshot
        and only.cost_usd == call.cost_usd
        and (only.usage is call.usage or only.usage == call.usage)
    )
    return only if same else None


def call_row(
    n: int, kind: int, call: Call, only: Attempt | None, error: str | None, since: float | None
) -> Values:
    """Two numbers, then ``ROW_COLUMNS``. ``only`` is the attempt that has no row of its own,
    ``error`` the call's error as far as it may be kept."""
    usage = call.usage
    return (
        n,
        kind,
        call.id,
        call.fingerprint,
        call.row,
        call.slice,
        call.started_at,
        call.latency_s,
        call.first_byte_s,
        usage.input_tokens,
        usage.output_tokens,
        usage.cached_input_tokens,
        usage.reasoning_tokens,
        _apart(usage),
        call.cost_usd,
        call.status,
        error,
        call.reason if only is None else None,
        call.session,
        call.subject,
        call.request_id,
        None if only is None else only.latency_s,
        None if only is None else only.first_byte_s,
        None if only is None else only.score,
        since,
    )


def kind_row(call: Call, only: Attempt | None) -> Values:
    """In ``KIND_COLUMNS``, but that the checks are a tuple of pairs."""
    decision = call.decision
    return (
        call.source,
        call.model,
        call.task,
        call.requested_model,
        call.snapshot,
        1 if call.usage.estimated else 0,
        1 if call.stream else 0,
        None if decision is None else decision._value_,
        None if only is None else call.reason,
        call.policy_digest,
        call.key_name,
        None if only is None else only.purpose._value_,
        None if only is None else only.status,
        None if only is None else only.finish_reason,
        None if only is None else tuple(only.checks.items()),
    )


def call_from_rows(row: Values, kind: Values) -> Call:
    """The call in ``ROW_COLUMNS`` and ``KIND_COLUMNS``, without its words and without attempts that
    have rows of their own."""
    usage = Usage(row[7], row[8], row[9], row[10], bool(kind[5]), _apart_from(row[11]))
    return Call(
        id=row[0],
        source=kind[0],
        model=kind[1],
        fingerprint=row[1],
        task=kind[2],
        row=row[2],
        slice=row[3],
        requested_model=kind[3],
        snapshot=kind[4],
        started_at=row[4],
        latency_s=row[5],
        first_byte_s=row[6],
        usage=usage,
        cost_usd=row[12],
        status=row[13],
        error=row[14],
        stream=bool(kind[6]),
        decision=None if kind[7] is None else Decision(kind[7]),
        reason=kind[8] if row[15] is None else row[15],
        policy_digest=kind[9],
        session=row[16],
        subject=row[17],
        request_id=row[18],
        key_name=kind[10],
        attempts=() if kind[11] is None else (_only_attempt(row, kind, usage),),
    )


def _only_attempt(row: Values, kind: Values, usage: Usage) -> Attempt:
    return Attempt(
        model=kind[1],
        purpose=Purpose(kind[11]),
        status=kind[12],
        usage=usage,
        cost_usd=row[12],
        latency_s=row[19],
        first_byte_s=row[20],
        finish_reason=kind[13],
        snapshot=kind[4],
        checks=load(kind[14]),
        score=row[21],
    )


def with_body(call: Call, body: Values) -> Call:
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


def attempt_row(attempt: Attempt, error: str | None) -> Values:
    usage, checks, signals = attempt.usage, attempt.checks, attempt.signals
    return (
        attempt.model,
        attempt.purpose._value_,
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


def attempt_from_row(row: Values) -> Attempt:
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
