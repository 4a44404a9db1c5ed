"""One task's escalations added up, call by call."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from downroute.records import Attempt, Call, Purpose
from downroute.reports.accounts import Account, attempts, charge
from downroute.reports.escalation_causes import causes, ending, first_answer
from downroute.reports.escalation_course import Judged
from downroute.reports.escalation_values import Ending, Heard, JudgedCall, Money, Times
from downroute.routing.question import QUESTION
from downroute.stats.interval import Interval
from downroute.stats.proportion import wilson
from downroute.store import GOOD

LOOKED_AT = 20_000
"""Of each task, groups are looked for among this many of its latest judged calls."""


@dataclass(slots=True)
class Tally:
    """What is known without words, of all judged calls; the latest of them one by one."""

    endings: Counter[str] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)
    judged: list[Judged] = field(default_factory=list)
    accepted_s: list[float] = field(default_factory=list)
    escalated_s: list[float] = field(default_factory=list)
    spent_usd: float = 0.0
    rejected_usd: float = 0.0
    baseline_usd: float = 0.0
    priced: int = 0
    escalated_ids: list[str] = field(default_factory=list)
    heard: dict[str, Counter[str]] = field(default_factory=dict)
    measured: int = 0
    _latest: deque[JudgedCall] = field(default_factory=lambda: deque(maxlen=LOOKED_AT))
    _latest_measured: deque[JudgedCall] = field(default_factory=lambda: deque(maxlen=LOOKED_AT))

    def add(self, call: Call, entry: Account, feedback: float | None = None) -> None:
        """Count a call, if a first answer of it was judged. ``feedback`` is the mean score that
        was given to the answer sent, ``None`` where nobody gave one."""
        found = judged_call(call, entry)
        if found is None:
            return
        self.endings[found.ending.value] += 1
        self.causes.update(causes(call))
        if feedback is not None:
            self.heard.setdefault(found.ending.value, Counter())[_said(feedback)] += 1
        if found.ending is Ending.FALLBACK:
            return
        self._latest.append(found)
        if found.measured:
            self.measured += 1
            self._latest_measured.append(found)
        escalated = found.ending is Ending.ESCALATED
        if found.at is not None:
            self.judged.append((found.at, escalated, found.policy))
        if found.latency_s is not None and call.error is None:
            (self.escalated_s if escalated else self.accepted_s).append(found.latency_s)
        if escalated:
            self.escalated_ids.append(found.id)
            self._price(found)

    def _price(self, call: JudgedCall) -> None:
        if call.spent_usd is None or call.rejected_usd is None or call.baseline_usd is None:
            return
        self.priced += 1
        self.spent_usd += call.spent_usd
        self.rejected_usd += call.rejected_usd
        self.baseline_usd += call.baseline_usd

    @property
    def latest(self) -> Sequence[JudgedCall]:
        """The calls that groups are looked for among: those whose question was measured, which the
        gateway chose whatever came of them; all where none was."""
        return self._latest_measured or self._latest

    @property
    def answers(self) -> int:
        """Answers that were there to be judged."""
        return self.endings.total() - self.endings[Ending.FALLBACK]

    @property
    def escalated(self) -> int:
        return self.endings[Ending.ESCALATED]

    @property
    def share(self) -> Interval | None:
        """Escalated of those answers that were there to be judged."""
        return wilson(self.escalated, self.answers) if self.answers else None

    @property
    def feedback(self) -> dict[str, Heard]:
        return {end: Heard(n["good"], n["bad"], n["neither"]) for end, n in self.heard.items()}

    @property
    def money(self) -> Money:
        unknown = self.escalated - self.priced
        return Money(self.priced, self.spent_usd, self.rejected_usd, self.baseline_usd, unknown)


def judged_call(call: Call, entry: Account) -> JudgedCall | None:
    """``call`` as far as it matters here; ``None`` where no first answer was judged."""
    how, first = ending(call), first_answer(call)
    if how is None or first is None:
        return None
    sent = _sent(call)
    others = [
        charge(a) for a in attempts(call) if a.purpose is not Purpose.SHADOW and a is not sent
    ]
    rejected = None if None in others else math.fsum(c for c in others if c is not None)
    baseline = [
        a
        for a in attempts(call)
        if a.model == entry.baseline
        and a.purpose in (Purpose.ANSWER, Purpose.SHADOW)
        and not a.failed
    ]
    told = causes(call)
    return JudgedCall(
        id=call.id,
        at=call.started_at,
        fingerprint=call.fingerprint,
        unit=call.id if call.session is None else f"session {call.session}",
        policy=call.policy_digest,
        ending=how,
        cause=told[0] if told else None,
        spent_usd=entry.spent_usd,
        rejected_usd=rejected,
        baseline_usd=charge(baseline[-1]) if baseline else None,
        candidate_usd=charge(first),
        candidate_usage=first.usage,
        latency_s=call.latency_s,
        baseline_s=baseline[-1].latency_s if baseline else None,
        features={k: v for k, v in first.signals.items() if v is not None and k in QUESTION},
        measured=first.signals.keys() >= QUESTION.keys(),
    )


def times(seconds: Sequence[float]) -> Times:
    """Median and 95 % quantile, each a time that was measured."""
    ordered = sorted(seconds)
    return Times(len(ordered), _quantile(ordered, 0.5), _quantile(ordered, 0.95))


def _sent(call: Call) -> Attempt | None:
    """The attempt whose answer was sent: the last good one of the model that is named."""
    return next(
        (
            a
            for a in reversed(call.attempts)
            if a.purpose is Purpose.ANSWER and a.model == call.model and not a.failed
        ),
        None,
    )


def _said(score: float) -> str:
    return "good" if score > GOOD else "bad" if score < GOOD else "neither"


def _quantile(ascending: Sequence[float], share: float) -> float | None:
    if not ascending:
        return None
    return ascending[min(len(ascending) - 1, math.ceil(share * len(ascending)) - 1)]
