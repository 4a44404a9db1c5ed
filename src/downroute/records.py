"""The nouns. Pure values: frozen, equal when their content is equal, no I/O, units in names.

Identity, storage and pricing are other rooms' business. ``None`` always means *not known*; it
is never a stand-in for zero. Money is float USD, time is float seconds, instants are Unix
seconds (UTC).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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
    ``reasoning_tokens`` part of ``output_tokens``, as OpenAI counts them."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_input_tokens: int | None = None
    reasoning_tokens: int | None = None
    estimated: bool = False


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


@dataclass(frozen=True, slots=True)
class RecordedScore:
    """What a recording's source said of one model's answer to one row; kept beside the log for
    the scorer ``recorded``. ``score`` in [0, 1] or ``None`` = the source gave none."""

    task: str
    row: str
    model: str
    request_digest: str
    answer_digest: str
    score: float | None
    self_check: float | None = None


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that could not be used: kept aside, with the reason, never dropped silently."""

    source: str
    line: int
    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class Task:
    """A kind of request found in the log. ``name`` is the declared one, else made from the
    fingerprint. ``shape`` says what answers look like and suggests how to score them."""

    name: str
    declared: bool
    shape: str
    calls: int
    fingerprints: tuple[str, ...]
    models: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Example:
    """One distinct request of a task with the baseline's logged answer. ``weight`` is how many
    logged calls it stands for, ``inclusion`` the chance with which the sample holds it. ``rank``
    is its place in the order of sampling: any beginning of that order that ends before rank r
    holds a request with chance min(1, weight·r). A ``certain`` one came so often that it was
    taken for certain and stands for its calls alone."""

    id: str
    task: str
    request: Mapping[str, Json]
    request_digest: str
    baseline_answer: Answer
    baseline_usage: Usage = UNKNOWN_USAGE
    baseline_cost_usd: float | None = None
    baseline_latency_s: float | None = None
    reference: Json = None
    slice: str | None = None
    weight: int = 1
    inclusion: float = 1.0
    rank: float = 0.0
    certain: bool = False


@dataclass(frozen=True, slots=True)
class Score:
    """What a scorer made of one answer: a number in [0, 1], or ``None`` with the reason why it
    could not say. Unscored is neither a pass nor a fail."""

    value: float | None
    reason: str | None = None

    @classmethod
    def unscored(cls, reason: str) -> Score:
        return cls(None, reason)


@dataclass(frozen=True, slots=True)
class Measurement:
    """One model's answer to one example, scored; ``more`` are its further answers where it was
    asked the same several times."""

    example_id: str
    model: str
    answer: Answer | None
    score: Score
    usage: Usage = UNKNOWN_USAGE
    cost_usd: float | None = None
    latency_s: float | None = None
    unanswered: int = 0
    """Tries before this answer that brought none and may have been billed all the same."""
    error: str | None = None
    snapshot: str | None = None
    more: tuple[Measurement, ...] = ()


@dataclass(frozen=True, slots=True)
class LinearScore:
    """``intercept + Σ weight·signal``: the readable score a route escalates by, where it is
    above ``above``. A missing signal counts as ``impute`` says, where it does; the weight
    ``SIGNAL_missing`` is then added. Any other missing signal leaves the score unknown."""

    intercept: float
    weights: Mapping[str, float]
    above: float
    impute: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SecondOpinion:
    """A paid signal, asked for only while the free score is in ``(low, high]``: up to ``low`` the
    answer is accepted, above ``high`` it is escalated.

    ``purpose`` says which: ``SELF_CHECK`` asks ``model`` whether the answer is right and gives
    the signal ``self_check``, ``HELPER`` asks it the original request and gives ``agreement``.
    ``score`` sums free signals and that one, and decides by its own ``above``. ``prompt`` is what
    a self-check asks; ``None`` = the standard question.
    """

    purpose: Purpose
    model: str
    low: float
    high: float
    score: LinearScore
    prompt: str | None = None


class Degrade(StrEnum):
    """What happens to answers that should be escalated once a limit is used up."""

    ACCEPT = "accept"
    """The cheaper model's answer is sent, marked ``unverified``."""
    BASELINE = "baseline"
    """Requests go straight to the last model, and none is escalated any more."""


@dataclass(frozen=True, slots=True)
class EscalationLimit:
    """How much a route may escalate; ``None`` = without bound. ``per_day`` and ``per_day_usd``
    (the cost of the answers escalated to) count from midnight UTC."""

    per_minute: int | None = None
    per_day: int | None = None
    per_day_usd: float | None = None
    then: Degrade = Degrade.ACCEPT


class Streaming(StrEnum):
    """How a cascade answers a request for a stream."""

    BUFFER = "buffer"
    """Held back until its answer is accepted."""
    DIRECT = "direct"
    """The first model's stream is sent as it comes, checked by nobody."""
    BASELINE = "baseline"
    """The last model is asked at once and its stream sent as it comes."""


@dataclass(frozen=True, slots=True)
class CheckSpec:
    """A check named in a policy, with its argument where it takes one."""

    name: str
    argument: Json = None


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where a route's requests lie: a closed range of a request feature, ``None`` = open on that
    side; of a category, the names it may have."""

    min: float | None = None
    max: float | None = None
    among: frozenset[str] | None = None

    def holds(self, value: float | str) -> bool:
        if isinstance(value, str):
            return self.among is None or value in self.among
        return (self.min is None or value >= self.min) and (self.max is None or value <= self.max)

    def told(self, name: str) -> str:
        """In words: ``20 ≤ input_words ≤ 500``, ``language in de, en``."""
        if self.among is not None:
            return f"{name} in {', '.join(sorted(self.among))}"
        low = "" if self.min is None else f"{self.min:g} ≤ "
        high = "" if self.max is None else f" ≤ {self.max:g}"
        return f"{low}{name}{high}"


@dataclass(frozen=True, slots=True)
class Route:
    """Which models answer one task, in order; the last one's answer is always accepted.

    ``[large]`` leaves the task alone, ``[small]`` switches it, ``[small, large]`` with checks is
    a cascade, a model listed twice is a retry. ``baseline`` is the model clients ask for.
    ``request_checks``: what a request itself says of a good answer (its schema, its tools) is
    checked besides ``checks``.
    """

    task: str
    models: tuple[str, ...]
    baseline: str
    match_task: str | None = None
    fingerprints: frozenset[str] = frozenset()
    when: Mapping[str, Bounds] = field(default_factory=dict)
    checks: tuple[CheckSpec, ...] = ()
    request_checks: bool = True
    escalate: LinearScore | None = None
    second: SecondOpinion | None = None
    limit: EscalationLimit | None = None
    stream: Streaming = Streaming.BUFFER
    shadow: float = 0.0
    evidence: Mapping[str, Json] | None = None
    unproven: bool = False
    fallback: str | None = None
    """The model whose answer is sent where the baseline gives none; ``None`` = the baseline's
    failure is."""

    @property
    def asked(self) -> tuple[str, ...]:
        """Every model it may ask, whatever for, each once."""
        second = () if self.second is None else (self.second.model,)
        fallback = () if self.fallback is None else (self.fallback,)
        return tuple(dict.fromkeys((*self.models, self.baseline, *second, *fallback)))


@dataclass(frozen=True, slots=True)
class Policy:
    """The routes as served. ``digest`` is over the text they were read from."""

    routes: tuple[Route, ...]
    digest: str
    baseline: str | None = None
    """Where ``downroute/auto`` goes when no route speaks of the request."""
