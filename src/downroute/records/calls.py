"""Calls as they are logged: why a model was asked, what it said, what that took."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

Json = Any
"""A value as ``json.loads`` gives it."""


class Purpose(StrEnum):
    """Why a model is asked."""

    ANSWER = "answer"
    SELF_CHECK = "self_check"
    HELPER = "helper"
    SHADOW = "shadow"
    JUDGE = "judge"
    RETRIED = "retried"
    """For what the next attempt was asked for, in vain: the same model was asked again."""


class Decision(StrEnum):
    """How the gateway came to the reply it sent (the header ``x-downroute-decision``)."""

    DIRECT = "direct"
    """One model answered, and nobody judged its answer: the route's only one, or its last one
    without any before it."""
    ACCEPTED = "accepted"
    """A cascade's cheaper model answered and its answer passed."""
    ESCALATED = "escalated"
    """A cascade's cheaper answer did not pass; a later model's was sent."""
    FALLBACK = "fallback"
    """An upstream failed; a later model's answer was sent."""
    BYPASSED = "bypassed"
    """The client or ``policy off`` asked for the baseline."""
    PASSTHROUGH = "passthrough"
    """No route speaks of this request; it went where it was addressed."""
    OBSERVED = "observed"
    """There is no policy; nothing was changed."""


class Usage(msgspec.Struct, frozen=True):
    """Tokens of one answer. ``cached_input_tokens`` are part of ``input_tokens`` and
    ``reasoning_tokens`` part of ``output_tokens``, as OpenAI counts them.

    ``apart`` names what has a price of its own, where there is any: tokens written to the
    provider's cache (``cache_write`` for minutes, ``cache_write_1h`` for an hour) and of audio
    (``audio_input``), which are part of ``input_tokens``; ``audio_output``, part of
    ``output_tokens``; and ``web_search``, the searches an answer took."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_input_tokens: int | None = None
    reasoning_tokens: int | None = None
    estimated: bool = False
    apart: tuple[tuple[str, int], ...] = ()


UNKNOWN_USAGE = Usage()
"""Nothing is known of the tokens."""


class ToolCall(msgspec.Struct, frozen=True):
    """One function call a model asked for; ``arguments`` is the JSON text as it was sent."""

    name: str
    arguments: str
    id: str | None = None


class TokenLogprob(msgspec.Struct, frozen=True):
    """One answer token with its natural-log probability and its recorded alternatives."""

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


class Answer(msgspec.Struct, frozen=True):
    """What a model said, whatever the wire shape it came in."""

    text: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str | None = None
    refusal: str | None = None
    logprobs: tuple[TokenLogprob, ...] | None = None


class Attempt(msgspec.Struct, frozen=True):
    """One model asked once on behalf of one call. ``error`` is set exactly when the upstream gave
    no usable answer. ``checks`` map a check's name to passed, failed, or ``None`` = not
    applicable; ``signals`` map a signal's name to its number, ``None`` = missing. ``answer`` is
    what was said, where words are kept and it is not the answer that was sent."""

    model: str
    purpose: Purpose = Purpose.ANSWER
    status: int | None = None
    error: str | None = None
    usage: Usage = UNKNOWN_USAGE
    cost_usd: float | None = None
    latency_s: float | None = None
    first_byte_s: float | None = None
    finish_reason: str | None = None
    snapshot: str | None = None
    checks: Mapping[str, bool | None] = msgspec.field(default_factory=dict)
    signals: Mapping[str, float | None] = msgspec.field(default_factory=dict)
    score: float | None = None
    """The value of the route's ``escalate.score`` on this answer; on a self-check or a helper's
    answer, that of the second opinion's score."""
    answer: Answer | None = None

    @property
    def failed(self) -> bool:
        return self.error is not None


class Call(msgspec.Struct, frozen=True):
    """One logged request with the answer that was sent. Importers and the gateway both write it.

    ``model`` is the name the answering model was asked by; ``snapshot`` the one its upstream
    reported. ``request`` is an OpenAI chat body; it and ``answer`` are ``None`` where content is
    not kept. ``task`` is the declared task; ``fingerprint`` is always known.
    """

    id: str
    source: str
    model: str
    fingerprint: str = ""
    request: Mapping[str, Json] | None = None
    answer: Answer | None = None
    task: str | None = None
    row: str | None = None
    reference: Json = None
    altered: bool = False
    """Whether redaction changed the kept request or answer: it is not what was said."""
    slice: str | None = None
    requested_model: str | None = None
    snapshot: str | None = None
    started_at: float | None = None
    latency_s: float | None = None
    first_byte_s: float | None = None
    usage: Usage = UNKNOWN_USAGE
    cost_usd: float | None = None
    status: int | None = None
    error: str | None = None
    stream: bool = False
    decision: Decision | None = None
    reason: str | None = None
    policy_digest: str | None = None
    session: str | None = None
    subject: str | None = None
    request_id: str | None = None
    """What the client calls it."""
    key_name: str | None = None
    """Of the virtual key it came with."""
    attempts: tuple[Attempt, ...] = ()
