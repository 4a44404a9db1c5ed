"""A line on stderr for each call, where that is asked for: facts, no content."""

from __future__ import annotations

import logging

from downroute.gateway.call_row import CallRow
from downroute.gateway.log_lines import say
from downroute.gateway.telemetry.counting import error_type
from downroute.records import Call


def say_call(row: CallRow, call: Call) -> None:
    """``call`` is the row's, finished. Said by the thread that writes the log."""
    last = call.attempts[-1] if call.attempts else None
    usage = call.usage
    say(
        logging.INFO,
        "call",
        id=call.id,
        request_id=call.request_id,
        key=call.key_name,
        trace=row.trace.trace_id if row.trace else None,
        wire=row.wire.api,
        task=call.task,
        asked=call.requested_model,
        model=call.model,
        decision=call.decision.value if call.decision else None,
        status=call.status,
        error=(error_type(last) or None) if last and call.error else None,
        stream=call.stream,
        attempts=len(call.attempts),
        seconds=None if call.latency_s is None else round(call.latency_s, 6),
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cost_usd=None if call.cost_usd is None else round(call.cost_usd, 9),
    )
