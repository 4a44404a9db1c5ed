"""What a study found out about one task, and how it says so in JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

from downroute.records import Json
from downroute.stats.interval import Interval
from downroute.study.answer_effort import Effort
from downroute.study.curve import CascadeReport
from downroute.study.detectors import Graded
from downroute.study.guardrails import Guardrail
from downroute.study.judge_report import JudgeReport
from downroute.study.length_bias import LengthBias
from downroute.study.look import Look
from downroute.study.narrowing import Narrowing
from downroute.study.opinions import Sought
from downroute.study.saving import Saving
from downroute.study.slices import Slice
from downroute.study.verdict import Outcome, Stopped

REPLACE_WORDS = {
    Outcome.ROUTE: "safe",
    Outcome.CASCADE: "cascade",
    Outcome.KEEP: "unsafe",
    Outcome.INCONCLUSIVE: "inconclusive",
}


@dataclass(frozen=True, slots=True)
class Need:
    """What would settle an inconclusive verdict: more pairs (and what asking them costs), or
    grades of pairs already measured, or labels of pairs that a judge scored, or several."""

    pairs: int = 0
    cost_usd: float | None = None
    grades: int = 0
    of: int = 0
    labels: int = 0


@dataclass(frozen=True, slots=True)
class Floor:
    """The baseline's new answers against its old ones, on so many ``pairs``: ``differ`` in score,
    or in what they say where only people can score; ``gap`` is the mean difference."""

    pairs: int
    differ: int
    gap: float | None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class TaskResult:
    """One task measured with one candidate. ``interval`` is the gap's at the last look, ``None``
    where no look was reached; ``scores`` are mean scores, ``None`` where they are not known."""

    task: str
    shape: str
    baseline: str
    candidate: str
    outcome: Outcome
    stopped: Stopped
    examples: int
    graded: int
    unscored: int
    scorer: str
    scorer_reason: str
    replace: bool = False
    scores: Mapping[str, float | None] = field(default_factory=dict)
    interval: Interval | None = None
    discordance: float | None = None
    looks: tuple[Look, ...] = ()
    need: Need | None = None
    saving: Saving | None = None
    worst_slice: Slice | None = None
    narrowing: Narrowing | None = None
    """Where the candidate stops being good enough, if a break was found."""
    weighted_gap: float | None = None
    """The gap with each request counted as often as it came, where some came more than once."""
    p_value: float | None = None
    """Of "the gap is the margin or more", the looks taken into account."""
    stands_among_all: bool | None = None
    """For a route among several tasks: whether it also stands under Benjamini–Hochberg."""
    judge: JudgeReport | None = None
    guardrails: tuple[Guardrail, ...] = ()
    mean_cost_usd: Mapping[str, float | None] = field(default_factory=dict)
    """Of one answer by model, retries counted."""
    effort: Mapping[str, Effort] = field(default_factory=dict)
    """Tokens and time of one answer by model."""
    length_bias: LengthBias | None = None
    cascade: CascadeReport | None = None
    cascade_saving: Saving | None = None
    no_cascade: str | None = None
    """Why none is offered, where one was looked for."""
    detectors: tuple[Graded, ...] = ()
    """Checks and signals, graded where a cascade was looked for."""
    sought: tuple[Sought, ...] = ()
    """What became of second opinions there."""
    message: str | None = None
    evidence: Mapping[str, Json] | None = None
    others: tuple[TaskResult, ...] = ()
    floor: Floor | None = None
    """``None`` where the baseline was not asked again."""

    @property
    def verdict(self) -> str:
        """The word printed: route, keep, inconclusive; or safe, unsafe with ``--replace``."""
        return REPLACE_WORDS[self.outcome] if self.replace else self.outcome.value

    @property
    def narrowed(self) -> Narrowing | None:
        """The boundary the route stays inside of; ``None`` where there is no route or no bound."""
        if self.outcome is not Outcome.ROUTE or self.narrowing is None:
            return None
        return self.narrowing if self.narrowing.confirmed else None

    @property
    def cost_per_right_usd(self) -> dict[str, float | None]:
        """What one right answer costs by model: all answers' cost over the sum of their scores, so
        that an answer that scores a half is half a right one; ``None`` where either is not known.
        """
        return {
            model: cost / score if cost is not None and score else None
            for model, score in self.scores.items()
            for cost in [self.mean_cost_usd.get(model)]
        }

    @property
    def ungraded(self) -> int:
        """Pairs of the last look that wait for a grade and hide the gap while they do."""
        return _hidden(self.looks[-1]) if self.looks else 0

    @property
    def models(self) -> tuple[str, ...]:
        """The route this verdict leads to; the baseline stays unless the candidate was shown."""
        if self.outcome is Outcome.CASCADE:
            if self.cascade is not None:
                return self.cascade.route.models
            return self.candidate, self.baseline
        return (self.candidate,) if self.outcome is Outcome.ROUTE else (self.baseline,)

    @property
    def route_saving(self) -> Saving | None:
        """What the route saves that this verdict leads to; ``None`` where nothing moves."""
        if self.outcome is Outcome.CASCADE:
            return self.cascade_saving
        return self.saving if self.outcome is Outcome.ROUTE else None

    @property
    def escalation(self) -> float | None:
        """The share of requests that the route escalates; ``None`` where nothing moves."""
        if self.cascade is not None:
            return self.cascade.point.escalation
        return 0.0 if self.outcome is Outcome.ROUTE else None

    def with_evidence(self, evidence: Mapping[str, Json]) -> TaskResult:
        return replace(self, evidence=evidence)

    def as_json(self) -> dict[str, Json]:
        kept_share = None if self.saving is None else 0.0
        saving = self.route_saving
        confirmed = self.narrowing is not None and self.narrowing.confirmed
        month = None if saving is None else saving.month_usd
        return {
            "task": self.task,
            "shape": self.shape,
            "candidate": self.candidate,
            "scorer": self.scorer,
            "examples": self.examples,
            "graded": self.graded,
            "unscored": self.unscored,
            "scores": dict(self.scores),
            "cost_per_right_usd": self.cost_per_right_usd,
            "answers": {
                model: {"cost_usd": self.mean_cost_usd.get(model), **effort.as_json()}
                for model, effort in self.effort.items()
            },
            **_gap_json(self.interval, self.ungraded),
            "discordance": self.discordance,
            "weighted_gap": self.weighted_gap,
            "worst_slice": _slice_json(self.worst_slice),
            "break": None if not confirmed else _break_json(self.narrowing),
            "exploratory_break": None if confirmed else _break_json(self.narrowing),
            "looks": [_look_json(look) for look in self.looks],
            "stopped": self.stopped.value,
            "p_value": self.p_value,
            "stands_among_all": self.stands_among_all,
            "verdict": self.verdict,
            "need": _need_json(self.need),
            "models": list(self.models),
            "escalation": self.escalation,
            "saving_share": kept_share if saving is None else saving.share,
            "saving_usd_month": None if month is None else list(month),
            "floor": None if self.floor is None else asdict(self.floor),
            "judge": None if self.judge is None else self.judge.as_json(),
            "cascade": None if self.cascade is None else self.cascade.as_json(),
            "no_cascade": self.no_cascade,
            "detectors": [d.as_json() for d in self.detectors],
            "second_opinions": [s.as_json() for s in self.sought],
            "length_bias": None if self.length_bias is None else self.length_bias.as_json(),
            "guardrails": [g.as_json() for g in self.guardrails],
            "message": self.message,
            "evidence": None if self.evidence is None else dict(self.evidence),
            **({"others": [o.as_json() for o in self.others]} if self.others else {}),
        }


def _hidden(look: Look) -> int:
    """Labels that are missing narrow the interval of a corrected gap; they do not move it."""
    corrected = look.judged is not None and look.judged.gap_sd is not None
    return 0 if corrected else look.ungraded


def _look_json(look: Look) -> dict[str, Json]:
    return {
        "examples": look.examples,
        "pairs": look.pairs,
        "ungraded": look.ungraded,
        "unscored": look.unscored,
        "z_bound": look.z_bound if math.isfinite(look.z_bound) else None,
        **_gap_json(look.interval, _hidden(look)),
    }


def _slice_json(worst: Slice | None) -> dict[str, Json] | None:
    if worst is None:
        return None
    return {"name": worst.name, "pairs": worst.pairs, **_gap_json(worst.interval, 0)}


def _break_json(found: Narrowing | None) -> dict[str, Json] | None:
    if found is None:
        return None
    sides = {"inside": _slice_json(found.inside), "outside": _slice_json(found.outside)}
    return {**found.as_json(), **sides, "whole": _gap_json(found.whole, 0)}


def _gap_json(interval: Interval | None, ungraded: int) -> dict[str, Json]:
    """JSON knows no infinity: a bound the data say nothing about is null. So is the gap itself
    while grades are missing; its ends then hold whatever they will be."""
    if interval is None:
        return {"gap": None, "gap_low": None, "gap_high": None}
    ends = {"gap": interval.estimate, "gap_low": interval.low, "gap_high": interval.high}
    known = {name: value if math.isfinite(value) else None for name, value in ends.items()}
    return {**known, "gap": None} if ungraded else known


def _need_json(need: Need | None) -> dict[str, Json] | None:
    if need is None:
        return None
    if need.labels:
        return {"labels": need.labels, "of": need.of, "pairs": need.pairs}
    if need.grades:
        return {"grades": need.grades, "of": need.of, "pairs": need.pairs}
    return {"pairs": need.pairs, "cost_usd": need.cost_usd}
