"""Traces: a client's continued to the upstream, spans at a collector that reads OTLP itself."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.propagate import inject
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from downroute.errors import ConfigError
from downroute.gateway.telemetry.spans import traces_url
from downroute.gateway.telemetry.trace_context import Tracing

from .running import Start, wait_until
from .test_chat import CASCADE, small_fails_on_crashes
from .upstream import Answered, Upstream, chat_body, stream

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED, NOT_SAMPLED = f"00-{TRACE}-{PARENT}-01", f"00-{TRACE}-{PARENT}-00"
CANARY = "canary-41c5"


class Collector:
    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.bodies: list[bytes] = []
        collector = self

        class Taking(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                collector.bodies.append(body)
                assert self.path == "/v1/traces"
                for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                    for scope in resource.scope_spans:
                        collector.spans.extend(scope.spans)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Taking)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def await_spans(self, count: int) -> list[Any]:
        wait_until(lambda: len(self.spans) >= count)
        return sorted(self.spans, key=lambda span: span.start_time_unix_nano)


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
    collector = Collector()
    yield collector
    collector.close()


def facts(span: Any) -> dict[str, Any]:
    return {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in span.attributes}


@pytest.mark.parametrize("streamed", [False, True])
def test_an_escalated_call_is_a_span_of_the_client_s_trace_with_one_for_each_attempt(
    start: Start, upstream: Upstream, collector: Collector, streamed: bool
) -> None:
    gateway = start(CASCADE, f"telemetry: {{otlp: '{collector.url}'}}")
    upstream.answer = small_fails_on_crashes
    if streamed:
        upstream.answer = lambda asked: stream(asked.model, ("what",))
    body = chat_body(f"it crashes {CANARY}", stream=streamed)
    got = gateway.chat(
        body, "triage", traceparent=SAMPLED, tracestate="v=1", **{"x-request-id": "mine-1"}
    )
    call, first, second = collector.await_spans(3)
    assert {span.trace_id.hex() for span in collector.spans} == {TRACE}
    assert call.parent_span_id.hex() == PARENT
    assert first.parent_span_id == second.parent_span_id == call.span_id
    for asked, span in zip(upstream.asked, (first, second), strict=True):
        assert asked.headers["traceparent"] == f"00-{TRACE}-{span.span_id.hex()}-01"
        assert asked.headers["tracestate"] == "v=1"
    assert call.kind == 2 and first.kind == 3, "server and client"
    said = facts(call)
    assert said["downroute.decision"] == "escalated"
    assert said["downroute.call_id"] == got.said("call-id")
    assert said["downroute.request_id"] == "mine-1"
    asked = facts(first)
    assert asked["gen_ai.request.model"] == "small"
    assert asked["gen_ai.usage.output_tokens"] == 10
    assert [v.string_value for v in asked["downroute.failed_checks"].values] == ["one_of"]
    assert facts(second)["gen_ai.response.model"] == "large-2026"
    ends = [span.end_time_unix_nano for span in (first, second)]
    assert call.start_time_unix_nano <= first.start_time_unix_nano <= ends[0]
    assert ends[0] <= second.start_time_unix_nano + 5_000_000 <= ends[1] + 5_000_000
    assert CANARY.encode() not in b"".join(collector.bodies)


def test_a_failed_upstream_is_a_failed_span(
    start: Start, upstream: Upstream, collector: Collector
) -> None:
    gateway = start(
        None,
        f"telemetry: {{otlp: '{collector.url}/v1/traces'}}\n"
        "upstreams: {test: {base_url: UPSTREAM, retries: {most: 1}}}",
    )
    upstream.answer = lambda _: Answered(b'{"error": {"message": "no"}}', 503)
    gateway.chat(chat_body())
    spans = collector.await_spans(3)
    assert [facts(s).get("downroute.purpose") for s in spans] == [None, "retried", "answer"]
    call, _, attempt = spans
    assert call.status.code == attempt.status.code == 2
    assert facts(attempt)["error.type"] == "503" and call.parent_span_id == b""
    assert attempt.parent_span_id == call.span_id


def test_a_client_that_does_not_sample_is_heeded(
    start: Start, upstream: Upstream, collector: Collector
) -> None:
    gateway = start(None, f"telemetry: {{otlp: '{collector.url}'}}")
    gateway.chat(chat_body(), traceparent=NOT_SAMPLED)
    gateway.chat(chat_body(), traceparent=SAMPLED)
    assert len(collector.await_spans(2)) == 2
    assert upstream.asked[0].headers["traceparent"].endswith("-00")


def test_other_paths_are_traced_too(start: Start, upstream: Upstream, collector: Collector) -> None:
    gateway = start(None, f"telemetry: {{otlp: '{collector.url}'}}")
    body = json.dumps({"model": "large", "input": "x"}).encode()
    gateway.request("POST", "/v1/embeddings", body, {"traceparent": SAMPLED})
    call, attempt = collector.await_spans(2)
    assert upstream.asked[0].headers["traceparent"].split("-")[2] == attempt.span_id.hex()
    assert call.parent_span_id.hex() == PARENT


def test_without_a_collector_the_client_s_trace_passes_as_it_is(
    start: Start, upstream: Upstream
) -> None:
    start().chat(chat_body(), traceparent=SAMPLED)
    assert upstream.asked[0].headers["traceparent"] == SAMPLED


def test_a_collector_that_is_down_costs_no_call(
    start: Start, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    gateway = start(None, "telemetry: {otlp: 'http://127.0.0.1:9'}")
    for _ in range(20):
        assert gateway.chat(chat_body()).status == 200
    gateway.calls(20)


@pytest.mark.parametrize(
    "given",
    [
        *("", "00", f"ff-{TRACE}-{PARENT}-01", f"00-{'0' * 32}-{PARENT}-01"),
        *(f"00-{TRACE}-{'0' * 16}-01", f"00-{TRACE.upper()}-{PARENT}-01"),
        *(f"00-{TRACE}-{PARENT}-01-more", f"00-{TRACE}-{PARENT}"),
    ],
)
def test_what_is_no_traceparent_begins_a_new_trace(given: str) -> None:
    trace = Tracing(1.0).begin([("traceparent", given)])
    assert trace.parent_id is None and trace.trace_id != TRACE and trace.sampled


def test_a_trace_is_continued_as_opentelemetry_writes_it_and_later_versions_are_read() -> None:
    context = SpanContext(int(TRACE, 16), int(PARENT, 16), False, TraceFlags(1))
    headers: dict[str, str] = {}
    inject(headers, set_span_in_context(NonRecordingSpan(context)))
    for value in (headers["traceparent"], f"01-{TRACE}-{PARENT}-01-more"):
        trace = Tracing(0.0).begin([("traceparent", value)])
        assert (trace.trace_id, trace.parent_id, trace.sampled) == (TRACE, PARENT, True)
    assert not Tracing(0.0).begin([]).sampled


def test_the_collector_s_address_may_be_that_of_its_traces() -> None:
    assert traces_url("http://c:4318") == traces_url("http://c:4318/v1/traces")


def test_without_opentelemetry_the_gateway_says_what_to_install(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "opentelemetry.sdk.resources", None)
    with pytest.raises(ConfigError, match=r"downroute\[otel\]"):
        start(None, "telemetry: {otlp: 'http://127.0.0.1:9'}")
