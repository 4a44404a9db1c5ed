"""``policy.yaml`` ↔ `Policy`: reading, checking, merging. Text in, text or values out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from downroute import yamlfile
from downroute.errors import PolicyError
from downroute.records import Bounds, CheckSpec, Json, LinearScore, Policy, Route
from downroute.routing.checks import check_fault
from downroute.routing.features import FEATURES
from downroute.routing.fingerprint import BLANK
from downroute.routing.match import ALIAS
from downroute.routing.signals import known_signals
from downroute.yamlfile import Strict


def _known_feature(name: str) -> str:
    if name not in FEATURES:
        raise ValueError(f"'{name}' is not a request feature; choose from {', '.join(FEATURES)}")
    return name


def _real_model(name: str) -> str:
    if name.startswith(ALIAS):
        raise ValueError(f"'{name}' is an alias of the gateway, not a model")
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


Fingerprint = Annotated[str, AfterValidator(_tells_something)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
ModelName = Annotated[str, Field(min_length=1), AfterValidator(_real_model)]
FeatureName = Annotated[str, AfterValidator(_known_feature)]
Day = Annotated[str, BeforeValidator(_day)]


class MatchFile(Strict):
    """Which requests are of this task: those that declare it, or bear one of the fingerprints."""

    task: str | None = None
    fingerprints: list[Fingerprint] = Field(default_factory=list)


class BoundsFile(Strict):
    min: float | None = None
    max: float | None = None


class ScoreFile(Strict):
    """``score`` is a linear sum over signals; an answer above ``above`` is escalated."""

    score: dict[str, Finite]
    above: Finite

    @model_validator(mode="after")
    def _signals_are_known(self) -> ScoreFile:
        known = known_signals()
        for name in self.score:
            if name != "intercept" and name not in known:
                raise ValueError(f"'{name}' is not a signal; choose from {', '.join(known)}")
        return self


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
    match: MatchFile = MatchFile()
    when: dict[FeatureName, BoundsFile] = Field(default_factory=dict)
    models: list[ModelName] = Field(min_length=1)
    baseline: ModelName | None = None
    checks: list[str | dict[str, Json]] = Field(default_factory=list)
    escalate: ScoreFile | None = None
    shadow: float = Field(default=0.0, ge=0, le=1)
    evidence: EvidenceFile | None = None
    unproven: bool = False

    @model_validator(mode="after")
    def _makes_sense(self) -> RouteFile:
        for spec in _check_specs(self.checks):
            fault = check_fault(spec)
            if fault is not None:
                raise ValueError(fault)
        if len(self.models) == 1 and (self.checks or self.escalate):
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


def read_policy(text: str, name: str = "policy.yaml") -> Policy:
    """The policy in ``text``. ``name`` stands in error messages.

    Raises:
        PolicyError: one line per fault with ``name:line:column``: no YAML, unknown keys, checks
            or signals, a route without evidence, two routes that claim the same requests.
    """
    tree = yamlfile.parse(text, name, PolicyError)
    file = yamlfile.validate(tree, PolicyFile, name, PolicyError)
    _refuse_overlaps(file.routes, tree, name)
    routes = tuple(_route(entry) for entry in file.routes)
    return Policy(routes=routes, digest=text_digest(text), baseline=file.baseline)


def text_digest(text: str) -> str:
    """A policy's identity: the first 16 hex digits of the SHA-256 of its text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def merge_routes(text: str, name: str, routes: Sequence[Mapping[str, Json]]) -> str:
    """``text`` with each of ``routes`` in place of the same task's, or added at the end.

    Other routes and all comments outside the replaced routes stay as they are.

    Raises:
        PolicyError: ``text`` is no policy, or the result would not be one.
    """
    tree = yamlfile.parse(text, name, PolicyError)
    if tree:
        yamlfile.validate(tree, PolicyFile, name, PolicyError)
    else:
        tree["version"] = 1
    kept = tree.setdefault("routes", CommentedSeq())
    for route in routes:
        _put(kept, route)
    merged = yamlfile.dump(tree)
    read_policy(merged, name)
    return merged


def policy_schema() -> dict[str, Any]:
    """The JSON Schema of ``policy.yaml``, for editors."""
    schema = PolicyFile.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _put(routes: CommentedSeq, route: Mapping[str, Json]) -> None:
    same = [i for i, entry in enumerate(routes) if entry.get("task") == route["task"]]
    if not same:
        routes.append(_block(route))
        return
    # The first keeps its place and the comment that follows it; a task's further routes (say,
    # one per length) were shown by the older study and go with it.
    for index in reversed(same[1:]):
        del routes[index]
    old = routes[same[0]]
    comments = getattr(old, "ca", None)
    fresh = _block(route)
    if comments is not None and isinstance(fresh, CommentedMap):
        fresh.ca.comment = comments.comment
        fresh.ca.items.update({k: v for k, v in comments.items.items() if k in fresh})
    routes[same[0]] = fresh


def _block(value: Json, lines: int = 1) -> Json:
    """Plain values as YAML: a route's keys and those of its evidence on lines of their own, what
    is deeper in braces."""
    if isinstance(value, Mapping):
        block = CommentedMap()
        for key, inner in value.items():
            block[key] = _block(inner, 1 if lines > 0 and key == "evidence" else lines - 1)
        if lines <= 0:
            block.fa.set_flow_style()
        return block
    if isinstance(value, (list, tuple)):
        row = CommentedSeq(_block(v, 0) for v in value)
        row.fa.set_flow_style()
        return row
    return value


def _route(entry: RouteFile) -> Route:
    escalate = None
    if entry.escalate is not None:
        weights = {k: v for k, v in entry.escalate.score.items() if k != "intercept"}
        intercept = entry.escalate.score.get("intercept", 0.0)
        escalate = LinearScore(intercept, weights, entry.escalate.above)
    return Route(
        task=entry.task,
        models=tuple(entry.models),
        baseline=entry.baseline or entry.models[-1],
        match_task=entry.match.task,
        fingerprints=frozenset(entry.match.fingerprints),
        when={name: Bounds(b.min, b.max) for name, b in entry.when.items()},
        checks=_check_specs(entry.checks),
        escalate=escalate,
        shadow=entry.shadow,
        evidence=None if entry.evidence is None else entry.evidence.model_dump(),
        unproven=entry.unproven,
    )


def _check_specs(entries: Sequence[str | Mapping[str, Json]]) -> tuple[CheckSpec, ...]:
    specs: list[CheckSpec] = []
    for entry in entries:
        if isinstance(entry, str):
            specs.append(CheckSpec(entry))
        else:
            specs.extend(CheckSpec(name, argument) for name, argument in entry.items())
    return tuple(specs)


def _refuse_overlaps(routes: Sequence[RouteFile], tree: CommentedMap, name: str) -> None:
    """Two routes may share requests only where they are of one task and the first has a `when`."""
    owner: dict[str, str] = {}
    open_ended: set[str] = set()
    for index, route in enumerate(routes):
        line, column = yamlfile.position(tree, ["routes", index])
        where = f"{name}:{line}:{column}"
        if route.task in open_ended:
            raise PolicyError(
                f"{where}: task '{route.task}' already has a route without `when:` above, so this "
                "one would never be taken; remove one or give the earlier one a `when:`"
            )
        if not route.when:
            open_ended.add(route.task)
        claims = [f"fingerprint {mark}" for mark in route.match.fingerprints]
        claims.append(f"task '{route.match.task or route.task}'")
        for claim in claims:
            other = owner.setdefault(claim, route.task)
            if other != route.task:
                raise PolicyError(
                    f"{where}: {claim} is claimed by the routes '{other}' and '{route.task}'; "
                    "a request must belong to one task"
                )
