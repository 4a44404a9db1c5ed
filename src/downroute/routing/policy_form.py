"""``policy.yaml`` as pydantic sees it: its keys, their kinds, and what must hold among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from downroute.records import Bounds, CheckSpec, Json, Streaming
from downroute.routing.checks import check_fault
from downroute.routing.conditions import CATEGORIES, NUMBERS
from downroute.routing.escalate_form import EscalateFile, LimitFile, ModelName
from downroute.routing.fingerprint import BLANK
from downroute.yamlfile import Strict


def _known_feature(name: str) -> str:
    known = (*NUMBERS, *CATEGORIES)
    if name not in known:
        raise ValueError(f"'{name}' is not a request feature; choose from {', '.join(known)}")
    return name


def _day(value: Any) -> str:
    text = value.isoformat() if isinstance(value, date) else str(value)
    try:
        date.fromisoformat(text[:10])
    except ValueError:
        raise ValueError("expected a date as YYYY-MM-DD") from None
    return text


def _tells_something(mark: str) -> str:
    if mark == BLANK:
        raise ValueError(
            f"fingerprint {BLANK} stands for every request without instructions, tools or format, "
            "of whatever task; leave it out and let clients declare the task"
        )
    return mark


CANDIDATE = "candidate"

Fingerprint = Annotated[str, AfterValidator(_tells_something)]
FeatureName = Annotated[str, AfterValidator(_known_feature)]
Day = Annotated[str, BeforeValidator(_day)]


class MatchFile(Strict):
    """Which requests are of this task: those that declare it, or bear one of the fingerprints."""

    task: str | None = None
    fingerprints: list[Fingerprint] = Field(default_factory=list)


class BoundsFile(Strict):
    """``min`` and ``max`` of a number, both included; ``in``: the names a category may have."""

    min: float | None = None
    max: float | None = None
    among: list[str] | None = Field(default=None, alias="in", min_length=1)

    def bounds(self) -> Bounds:
        return Bounds(self.min, self.max, None if self.among is None else frozenset(self.among))


class EvidenceFile(Strict):
    """What a study measured. Written by downroute; anything more is kept as it stands."""

    model_config = ConfigDict(extra="allow", frozen=True)

    study: str
    expires: Day | None = None
    scores: dict[str, float | None] = Field(default_factory=dict)
    mean_cost_usd: dict[str, float | None] = Field(default_factory=dict)

    def models(self) -> set[str]:
        """The models it says something of; empty where it names none."""
        return {*self.scores, *self.mean_cost_usd}


class RouteFile(Strict):
    """One route. ``baseline`` is the model clients ask for, the last of ``models`` where unsaid."""

    task: str = Field(min_length=1)
    match: MatchFile = MatchFile.usual()
    when: dict[FeatureName, BoundsFile] = Field(default_factory=dict)
    models: list[ModelName] = Field(min_length=1)
    baseline: ModelName | None = None
    checks: list[str | dict[str, Json]] = Field(default_factory=list)
    request_checks: bool = True
    escalate: EscalateFile | None = None
    limit: LimitFile | None = None
    stream: Streaming = Streaming.BUFFER
    shadow: float = Field(default=0.0, ge=0, le=1)
    evidence: EvidenceFile | None = None
    unproven: bool = False
    fallback: ModelName | None = None

    @property
    def falls_back_to(self) -> str | None:
        """The model that ``fallback`` means; `CANDIDATE` is the first that is not the baseline."""
        if self.fallback != CANDIDATE:
            return self.fallback
        baseline = self.baseline or self.models[-1]
        return next((model for model in self.models if model != baseline), None)

    @model_validator(mode="after")
    def _makes_sense(self) -> RouteFile:
        if self.fallback is not None and self.falls_back_to is None:
            raise ValueError(
                f"`fallback: {CANDIDATE}` means the route's cheaper model, and it has none; name "
                "the model: `fallback: MODEL`"
            )
        if self.fallback == (self.baseline or self.models[-1]):
            raise ValueError("`fallback` is for when the baseline fails; name another model")
        for spec in check_specs(self.checks):
            fault = check_fault(spec)
            if fault is not None:
                raise ValueError(fault)
        for name, bounds in self.when.items():
            if name in CATEGORIES and bounds.among is None:
                raise ValueError(f"'{name}' is a category: say `in: [NAME, …]`")
            if name in NUMBERS and bounds.among is not None:
                raise ValueError(f"'{name}' is a number: say `min:` or `max:`")
        if len(self.models) == 1 and (self.checks or self.escalate or self.limit):
            raise ValueError(
                "a route with one model always accepts its answer, so its checks would never "
                "count; add the model to escalate to"
            )
        named = self.evidence.models() if self.evidence else set()
        strangers = set(self.models) - named if named else set()
        if strangers and not self.unproven:
            raise ValueError(
                f"the evidence speaks of {', '.join(sorted(named))}, not of "
                f"{', '.join(sorted(strangers))}: measure it with `downroute study`, or replace "
                "the evidence by `unproven: true`"
            )
        if self.evidence is None and not self.unproven:
            raise ValueError(
                "the route has no evidence: measure it with `downroute study`, or say "
                "`unproven: true` (replies will then say so too)"
            )
        return self


class PolicyFile(Strict):
    """All of ``policy.yaml``. ``baseline`` is where ``downroute/auto`` goes without a route."""

    version: Literal[1]
    baseline: ModelName | None = None
    routes: list[RouteFile] = Field(default_factory=list)


def check_specs(entries: Sequence[str | Mapping[str, Json]]) -> tuple[CheckSpec, ...]:
    """Checks as a person writes them, names or ``{name: argument}``, one by one."""
    specs: list[CheckSpec] = []
    for entry in entries:
        if isinstance(entry, str):
            specs.append(CheckSpec(entry))
        else:
            specs.extend(CheckSpec(name, argument) for name, argument in entry.items())
    return tuple(specs)
