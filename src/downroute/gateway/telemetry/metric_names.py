"""Every metric of `/metrics` and every attribute of a span by name: the one place they stand.

Names that OpenTelemetry's conventions for generative AI know are theirs (`gen_ai.*`; in Prometheus
dots are underscores and a unit of seconds is spelt out); all others begin with ``downroute``.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Metric:
    """``buckets`` are a histogram's upper bounds, without the infinite one."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320)
_TOKENS = tuple(float(4**power) for power in range(1, 11))
_SCORES = (-8.0, -4.0, -2.0, -1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0, 2.0, 4.0, 8.0)

OTHER = "other"
"""Stands for models and tasks that neither settings nor policy name: clients make no series."""

GEN_AI_MODEL = "gen_ai.request.model"
GEN_AI_RESPONSE_MODEL = "gen_ai.response.model"
GEN_AI_OPERATION = "gen_ai.operation.name"
GEN_AI_PROVIDER = "gen_ai.provider.name"
GEN_AI_INPUT_TOKENS = "gen_ai.usage.input_tokens"
GEN_AI_OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
GEN_AI_CACHED_TOKENS = "gen_ai.usage.cache_read.input_tokens"
GEN_AI_FINISH_REASONS = "gen_ai.response.finish_reasons"
GEN_AI_CONVERSATION = "gen_ai.conversation.id"
ERROR_TYPE = "error.type"
HTTP_STATUS = "http.response.status_code"
TASK = "downroute.task"
DECISION = "downroute.decision"
REASON = "downroute.reason"
POLICY = "downroute.policy"
CALL_ID = "downroute.call_id"
REQUEST_ID = "downroute.request_id"
KEY_NAME = "downroute.key_name"
PURPOSE = "downroute.purpose"
SCORE = "downroute.score"
COST_USD = "downroute.cost_usd"
UPSTREAM = "downroute.upstream"
FAILED_CHECKS = "downroute.failed_checks"

CALLS = Metric(
    "downroute_calls",
    "Calls that ended, by the API spoken, how the reply came about and its status.",
    ("wire", "decision", "status", "model", "task"),
)
CALL_SECONDS = Metric(
    "downroute_call_duration_seconds",
    "From the whole request to the end of the reply, all attempts together.",
    ("wire", "decision"),
    _SECONDS,
)
FIRST_BYTE_SECONDS = Metric(
    "downroute_time_to_first_byte_seconds",
    "From the whole request to the first byte of a streamed answer.",
    ("wire", "decision"),
    _SECONDS,
)
ATTEMPT_SECONDS = Metric(
    "gen_ai_client_operation_duration_seconds",
    "One model asked once, to the end of its reply.",
    ("gen_ai_request_model", "upstream", "purpose", "error_type"),
    _SECONDS,
)
ATTEMPT_FIRST_BYTE_SECONDS = Metric(
    "gen_ai_client_operation_time_to_first_chunk_seconds",
    "One model asked once, to the first event of its stream.",
    ("gen_ai_request_model", "upstream"),
    _SECONDS,
)
TOKENS = Metric(
    "gen_ai_client_token_usage",
    "Tokens of an attempt, as its upstream states them.",
    ("gen_ai_request_model", "gen_ai_token_type"),
    _TOKENS,
)
UPSTREAM_ERRORS = Metric(
    "downroute_upstream_errors",
    "Attempts that brought no usable answer: a status, or how the reply failed to come.",
    ("upstream", "model", "error_type"),
)
COST = Metric(
    "downroute_cost_usd",
    "What attempts cost, as far as tokens and prices are known.",
    ("model", "task", "purpose"),
)
UNPRICED = Metric(
    "downroute_unpriced_attempts", "Attempts whose cost is not known; in no sum.", ("model",)
)
SAVED = Metric(
    "downroute_saved_usd",
    "Estimate since the start: the baseline's mean cost by the route's evidence, minus the cost. "
    "Can fall, so a gauge.",
    ("task",),
)
CHECKS = Metric(
    "downroute_checks",
    "Checks on answers: passed, failed, or not_applicable.",
    ("task", "check", "result"),
)
SCORES = Metric(
    "downroute_escalation_score",
    "The value of the route's score on cheaper answers; above its threshold they are escalated.",
    ("task",),
    _SCORES,
)
ESCALATED = Metric(
    "downroute_escalations",
    "Calls of a cascade by whether a further model was asked because an answer did not do.",
    ("task", "escalated"),
)
HTTP_REQUESTS = Metric(
    "downroute_http_requests",
    "Requests by endpoint and status, refused ones included.",
    ("path", "status"),
)
LOST = Metric("downroute_log_rows_lost", "Calls that will never be in the store.")
CPU = Metric("process_cpu_seconds", "Processor time of the gateway's processes.")
WAITING = Metric("downroute_log_rows_waiting", "Calls that wait to be written to the store.")
STORE_FAULT = Metric("downroute_store_fault", "Processes that cannot write to the store.")
POLICY_INFO = Metric(
    "downroute_policy_info", "Processes that serve the policy with this digest.", ("digest",)
)
POLICY_OFF = Metric("downroute_policy_off", "Processes whose policy is switched off.")
POLICY_FAULT = Metric(
    "downroute_policy_fault", "Processes that could not take the policy file as it stands now."
)
CONFIG_FAULT = Metric(
    "downroute_config_fault", "Processes that could not take downroute.yaml as it stands now."
)
CIRCUITS_OPEN = Metric(
    "downroute_circuits_open",
    "Deployments that are left alone because they failed too often, by process.",
    ("upstream",),
)
TURNS_TAKEN = Metric(
    "downroute_upstream_calls",
    "Calls under way at an upstream that bounds them.",
    ("upstream",),
)
TURNS_WAITING = Metric(
    "downroute_upstream_calls_waiting",
    "Calls that wait for their turn at such an upstream.",
    ("upstream",),
)
IN_FLIGHT = Metric("downroute_requests_in_flight", "Requests that are being answered.")
CONNECTIONS = Metric("downroute_connections", "Connections of clients.")
UPSTREAM_CONNECTIONS = Metric(
    "downroute_upstream_connections", "Connections to upstreams, those kept for the next call too."
)
TASKS = Metric("downroute_tasks", "Tasks of the event loops: one a request, and a few besides.")
WORKERS = Metric("downroute_workers", "Processes that serve.")
MEMORY = Metric("process_resident_memory_bytes", "Memory of the gateway's processes.")
OPEN_FILES = Metric("process_open_fds", "Open files of the gateway's processes, sockets too.")
BUILD = Metric(
    "downroute_build_info", "Processes by version.", ("version", "python", "implementation")
)

COUNTERS = (*(CALLS, UPSTREAM_ERRORS, COST, UNPRICED, CHECKS, ESCALATED, HTTP_REQUESTS, LOST, CPU),)
SUMS = (SAVED,)
"""Kept as counters are, told as gauges."""
HISTOGRAMS = (
    *(CALL_SECONDS, FIRST_BYTE_SECONDS, ATTEMPT_SECONDS, ATTEMPT_FIRST_BYTE_SECONDS),
    *(TOKENS, SCORES),
)
GAUGES = (
    *(WAITING, STORE_FAULT, POLICY_INFO, POLICY_OFF, POLICY_FAULT),
    *(CONFIG_FAULT, CIRCUITS_OPEN, TURNS_TAKEN, TURNS_WAITING),
    *(IN_FLIGHT, CONNECTIONS, UPSTREAM_CONNECTIONS, TASKS, WORKERS, MEMORY, OPEN_FILES, BUILD),
)
