"""What is measured: tasks and their examples, and how models do on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from downroute.records.calls import UNKNOWN_USAGE, Answer, Json, Usage


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
