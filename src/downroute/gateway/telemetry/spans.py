"""A finished call as spans, exported in the background. Names, numbers, kinds: never content."""

from __future__ import annotations

import threading
from importlib.metadata import version
from typing import Any

from downroute.config import TelemetrySettings
from downroute.errors import ConfigError
from downroute.gateway.call_row import CallRow
from downroute.gateway.headers import safe
from downroute.gateway.telemetry import metric_names as names
from downroute.gateway.telemetry.counting import error_type
from downroute.gateway.telemetry.known_names import KnownNames
from downroute.gateway.telemetry.trace_context import AskSpan, Trace
from downroute.records import Attempt, Call

_CLOSE_S = 3.0


class Spans:
    """Exports by OTLP over HTTP. What the collector does not take in time is dropped: its queue
    is bounded, and no call waits for it.

    Raises:
        ConfigError: OpenTelemetry is not installed.
    """

    def __init__(self, settings: TelemetrySettings, known: KnownNames) -> None:
        assert settings.otlp is not None
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
            from opentelemetry.sdk.util.instrumentation import InstrumentationScope
        except ImportError:
            raise ConfigError(
                "telemetry.otlp needs OpenTelemetry: pip install 'downroute[otel]'"
            ) from None
        self._known = known
        self._resource = Resource.create(
            {"service.name": settings.service, "service.version": version("downroute")}
        )
        self._scope = InstrumentationScope("downroute.gateway", version("downroute"))
        self._processor = BatchSpanProcessor(
            OTLPSpanExporter(endpoint=traces_url(settings.otlp)), max_queue_size=4096
        )

    def export(self, row: CallRow, call: Call) -> None:
        """Hand the spans of ``call`` to the exporter, where its trace is sampled."""
        trace = row.trace
        if trace is None or not trace.sampled or call.started_at is None:
            return
        ended_at = call.started_at + (call.latency_s or 0.0)
        for attempt, ask in zip(call.attempts, trace.asks, strict=False):
            self._attempt(row, trace, attempt, ask)
        error = "" if call.status is not None and call.status < 400 else str(call.status)
        facts = {
            names.CALL_ID: call.id,
            names.REQUEST_ID: call.request_id,
            names.KEY_NAME: call.key_name,
            names.TASK: call.task,
            names.DECISION: call.decision.value if call.decision else None,
            names.REASON: call.reason,
            names.POLICY: call.policy_digest,
            names.COST_USD: call.cost_usd,
            names.HTTP_STATUS: call.status,
            names.GEN_AI_MODEL: call.requested_model,
            names.GEN_AI_RESPONSE_MODEL: call.snapshot,
            names.GEN_AI_CONVERSATION: call.session,
        }
        # A server's span fails by the server's fault: a client that is refused is none.
        failed = error if call.status is None or call.status >= 500 else ""
        self._end(
            f"chat {call.requested_model or call.model}",
            (trace, trace.span_id, trace.parent_id),
            (call.started_at, ended_at),
            {**facts, names.ERROR_TYPE: error or None},
            server=True,
            failed=failed,
        )

    def close(self) -> None:
        """Export what waits, for a moment at most: a collector that hangs holds up no stop."""
        closing = threading.Thread(target=self._processor.shutdown, daemon=True)
        closing.start()
        closing.join(_CLOSE_S)

    def _attempt(self, row: CallRow, trace: Trace, attempt: Attempt, ask: AskSpan) -> None:
        error = error_type(attempt)
        usage = attempt.usage
        facts = {
            names.GEN_AI_OPERATION: "chat",
            names.GEN_AI_PROVIDER: row.wire.api,
            names.GEN_AI_MODEL: attempt.model,
            names.GEN_AI_RESPONSE_MODEL: attempt.snapshot,
            names.GEN_AI_INPUT_TOKENS: usage.input_tokens,
            names.GEN_AI_OUTPUT_TOKENS: usage.output_tokens,
            names.GEN_AI_CACHED_TOKENS: usage.cached_input_tokens,
            names.GEN_AI_FINISH_REASONS: [attempt.finish_reason] if attempt.finish_reason else None,
            names.HTTP_STATUS: attempt.status,
            names.ERROR_TYPE: error or None,
            names.UPSTREAM: self._known.upstream(attempt.model),
            names.PURPOSE: attempt.purpose.value,
            names.SCORE: attempt.score,
            names.COST_USD: attempt.cost_usd,
            names.FAILED_CHECKS: [c for c, passed in attempt.checks.items() if passed is False],
        }
        self._end(
            f"chat {attempt.model}",
            (trace, ask.span_id, trace.span_id),
            (ask.began_at, ask.began_at + (attempt.latency_s or 0.0)),
            facts,
            server=False,
            failed=error,
        )

    def _end(
        self,
        name: str,
        ids: tuple[Trace, str, str | None],
        times: tuple[float, float],
        facts: dict[str, Any],
        *,
        server: bool,
        failed: str,
    ) -> None:
        from opentelemetry.sdk.trace import ReadableSpan
        from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

        trace, own, parent = ids

        def context(span_id: str, *, remote: bool) -> SpanContext:
            flags = TraceFlags(TraceFlags.SAMPLED)
            return SpanContext(int(trace.trace_id, 16), int(span_id, 16), remote, flags)

        self._processor.on_end(
            ReadableSpan(
                safe(name),
                context(own, remote=False),
                None if parent is None else context(parent, remote=server),
                self._resource,
                attributes={key: value for key, value in facts.items() if value not in (None, [])},
                kind=SpanKind.SERVER if server else SpanKind.CLIENT,
                status=Status(StatusCode.ERROR if failed else StatusCode.UNSET),
                start_time=int(times[0] * 1e9),
                end_time=int(times[1] * 1e9),
                instrumentation_scope=self._scope,
            )
        )


def traces_url(otlp: str) -> str:
    """A collector's address as OTLP's exporters are given it, or that of its traces."""
    return otlp if otlp.endswith("/v1/traces") else f"{otlp}/v1/traces"
