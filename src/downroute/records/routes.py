"""Policies as they are served: routes, and what decides on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from downroute.records.calls import Json, Purpose


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
