"""What is told of escalations. Pure values; ``None`` is not known, never 0."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from downroute.records import Bounds, Json, Usage
from downroute.stats.interval import Interval


class Ending(StrEnum):
    """What became of a cascade's cheaper answer."""

    ACCEPTED = "accepted"
    ESCALATED = "escalated"
    UNVERIFIED = "unverified"
    """It should have been escalated, and a limit was used up: it was sent all the same."""
    FALLBACK = "fallback"
    """There was none: the cheaper model's upstream failed."""


@dataclass(frozen=True, slots=True)
class JudgedCall:
    """One call of a cascade. Money in USD, times in seconds. ``rejected_usd`` is what answers and
    opinions cost that were not sent; ``baseline_usd`` and ``baseline_s`` the baseline's own
    answer, where it was asked; ``candidate_usd`` and ``candidate_usage`` the first answer's.
    ``cause`` says why that was not accepted. ``unit`` is equal for calls of one session."""

    id: str
    at: float | None
    fingerprint: str
    unit: str
    policy: str | None
    ending: Ending
    cause: str | None
    spent_usd: float | None
    rejected_usd: float | None
    baseline_usd: float | None
    candidate_usd: float | None
    candidate_usage: Usage
    latency_s: float | None
    baseline_s: float | None
    features: Mapping[str, float]
    measured: bool = True
    """Whether all numbers about its question are among ``features``: the gateway writes them down
    of a sample of the calls where there are many."""

    @property
    def passed(self) -> bool:
        """Whether its first answer was good enough."""
        return self.ending is Ending.ACCEPTED


@dataclass(frozen=True, slots=True)
class Bucket:
    """The judged calls between two Unix seconds."""

    start: float
    end: float
    calls: int
    escalated: int
    share: Interval


@dataclass(frozen=True, slots=True)
class Course:
    """Escalation over time. ``trend`` is "rising" or "falling" only where that is significant at
    ``p``; ``policies`` is each policy with its judged calls and their share escalated, in the
    order they were served."""

    buckets: tuple[Bucket, ...]
    trend: str | None
    p: float | None
    policies: tuple[tuple[str, int, float], ...]


@dataclass(frozen=True, slots=True)
class Money:
    """Over escalated calls whose costs are all known; ``unknown`` counts the others.
    ``baseline_usd``: what the same calls cost straight on the baseline, by its own answers."""

    calls: int
    spent_usd: float
    rejected_usd: float
    baseline_usd: float
    unknown: int


@dataclass(frozen=True, slots=True)
class Usefulness:
    """Escalated calls by what they were good for. ``useful``: the answer sent was graded better
    than the rejected one; ``wasted``: no better (``equal`` of them came to the same).
    ``by_feedback`` of both together were never compared: feedback called the answer sent good, or
    bad."""

    useful: int
    wasted: int
    equal: int
    unknown: int
    by_feedback: int = 0


@dataclass(frozen=True, slots=True)
class Heard:
    """Calls by what their feedback says of the answer that was sent."""

    good: int
    bad: int
    neither: int


@dataclass(frozen=True, slots=True)
class Times:
    """Median and 95 % quantile of so many calls; ``None`` where there are none."""

    calls: int
    p50_s: float | None
    p95_s: float | None


@dataclass(frozen=True, slots=True)
class Condition:
    """What calls of a group have in common. ``when`` is it as a route's key, ``None`` where a
    policy cannot ask for it (words, clusters). ``kind`` is number, category, tool, format, word
    or cluster."""

    kind: str
    words: str
    when: Mapping[str, Bounds] | None = None


@dataclass(frozen=True, slots=True)
class Effect:
    """What the group would have cost straight on the baseline, less what it did cost: negative is
    money saved. ``measured_usd`` is over the ``measured`` escalated calls, whose baseline answers
    are known. ``total_usd`` is over all calls, ``estimated`` of them from ``basis`` calls with both
    costs known; ``None`` where there are too few. ``faster_s``: the mean time the
    escalated calls would have saved, with its interval."""

    measured: int
    measured_usd: float | None
    total_usd: Interval | None
    estimated: int
    basis: int
    faster_s: Interval | None
    escalations: int


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Something to do about a group. ``kind``: baseline, own_route, own_task, schema or prompt.
    ``policy`` is the whole policy with the change, ``diff`` what it or a prompt changes,
    ``measure`` the command that measures it; ``file`` where it was written. ``advised`` marks the
    one to try first."""

    kind: str
    words: str
    advised: bool
    diff: str | None
    policy: str | None
    prompt: str | None
    measure: str
    file: str | None = None


@dataclass(frozen=True, slots=True)
class Example:
    """A call of a group; ``words`` is the beginning of its question, where words are kept."""

    id: str
    words: str | None


@dataclass(frozen=True, slots=True)
class Group:
    """Calls that escalate more than the others of their task.

    ``escalated`` counts first answers that did not pass, unverified ones too, of ``calls``;
    ``share`` is it with an interval that holds over all ``tests`` conditions looked at; ``others``
    the share among the rest. ``p`` is Fisher's exact test times ``tests``;
    ``exploratory`` = above 0.001. ``units`` are the sessions and distinct requests tested."""

    conditions: tuple[Condition, ...]
    calls: int
    escalated: int
    share: Interval
    others: float | None
    lift: float | None
    p: float
    tests: int
    units: int
    exploratory: bool
    causes: Mapping[str, int]
    alike: tuple[str, ...]
    distinctive: tuple[str, ...]
    examples: tuple[Example, ...]
    effect: Effect
    suggestions: tuple[Suggestion, ...] = ()

    @property
    def words(self) -> str:
        return " and ".join(c.words for c in self.conditions)


@dataclass(frozen=True, slots=True)
class TaskEscalations:
    """One task with a cascade. ``share`` is escalated of accepted and escalated answers (as in
    the spend report); ``feedback`` is what was heard of calls of each ending; ``looked_at`` is in
    how many calls groups were looked for. ``judged`` are all judged answers and ``measured`` those
    of them whose question the gateway measured: fewer where it took a sample, and then groups are
    looked for among these."""

    task: str
    endings: Mapping[str, int]
    share: Interval | None
    causes: Mapping[str, int]
    course: Course
    money: Money
    useful: Usefulness
    accepted_times: Times
    escalated_times: Times
    looked_at: int
    with_words: int
    tests: int
    groups: tuple[Group, ...]
    feedback: Mapping[str, Heard] = field(default_factory=dict)
    judged: int = 0
    measured: int = 0

    @property
    def sampled(self) -> bool:
        """Whether groups were looked for among a sample of the calls."""
        return 0 < self.measured < self.judged


@dataclass(frozen=True, slots=True)
class EscalationReport:
    """All of it; ``since`` in Unix seconds."""

    since: float | None
    tasks: tuple[TaskEscalations, ...]


def plain(value: object) -> Json:
    """Any of these as plain JSON values. A property counts as a field where a reader needs it."""
    if isinstance(value, Bounds):
        known = {"min": value.min, "max": value.max}
        found: dict[str, Json] = {k: v for k, v in known.items() if v is not None}
        return {"in": sorted(value.among)} if value.among is not None else found
    if dataclasses.is_dataclass(value):
        fields = {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {"words": value.words, **fields} if isinstance(value, Group) else fields
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
