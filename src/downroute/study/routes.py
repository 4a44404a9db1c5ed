"""Verdicts → routes of a policy, with their evidence. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

from downroute.prompts import digest
from downroute.records import Json
from downroute.stats.interval import Interval
from downroute.study.curve import escalate_entry
from downroute.study.narrowing import when_json
from downroute.study.result import TaskResult
from downroute.study.saving import EVIDENCE_DAYS
from downroute.study.verdict import Outcome


def evidence(
    result: TaskResult,
    *,
    study_id: str,
    margin: float,
    relative: bool,
    confidence: float,
    started_at: float,
    snapshots: Mapping[str, str],
    prompts: Sequence[str],
    data_digest: str,
) -> dict[str, Json]:
    """What a route stands on. Its ``digest`` covers every field and the examples' data."""
    facts: dict[str, Json] = {
        "study": study_id,
        "examples": result.examples,
        "graded": result.graded,
        "unscored": result.unscored,
        "scorer": result.scorer,
        **_judge_facts(result),
        "scores": {m: _rounded(s) for m, s in result.scores.items()},
        **_gap_facts(result),
        "margin": margin,
        **({"relative": True} if relative else {}),
        "confidence": confidence,
        **({} if result.stands_among_all is not False else {"stands_among_all": False}),
        "escalation": round(result.escalation or 0.0, 4),
        "mean_cost_usd": {},
        "snapshots": dict(snapshots),
        **({"prompts": list(prompts)} if prompts else {}),
        **_guardrail_facts(result),
        "expires": expiry_day(started_at).isoformat(),
    }
    saving = result.saving
    if saving is not None:
        facts["mean_cost_usd"] = {
            result.baseline: float(f"{saving.baseline_usd:.4g}"),
            result.candidate: float(f"{saving.candidate_usd:.4g}"),
        }
        for model in result.models:
            further = result.mean_cost_usd.get(model)
            if model not in facts["mean_cost_usd"] and further is not None:
                facts["mean_cost_usd"][model] = float(f"{further:.4g}")
    paid = result.route_saving
    if paid is not None:
        facts["saving_share"] = _pair(paid.share_low, paid.share_high)
        if paid.month_usd is not None:
            facts["saving_usd_month"] = [round(m, 2) for m in paid.month_usd]
    if result.narrowed is not None:
        facts["break"] = {
            **result.narrowed.as_json(),
            "outside": _pair(*_ends(result.narrowed.outside.interval)),
        }
    facts["digest"] = "sha256:" + digest([facts, data_digest])
    return facts


def _gap_facts(result: TaskResult) -> dict[str, Json]:
    """The gap of what is served; of a cascade with the candidate's own beside it."""
    alone = None if result.interval is None else _pair(result.interval.low, result.interval.high)
    if result.cascade is None:
        return {"gap": alone}
    gap = result.cascade.point.gap
    return {
        "gap": _pair(gap.low, gap.high),
        "gap_of_candidate": alone,
        "calibrated_on": result.cascade.calibrated_on,
    }


def _guardrail_facts(result: TaskResult) -> dict[str, Json]:
    """How much more often the candidate had each fault, at most (one-sided 95 %)."""
    found = {g.name: round(g.more.high, 4) for g in result.guardrails}
    return {"guardrails": found} if found else {}


def expiry_day(started_at: float) -> date:
    """The last day the evidence is good for."""
    return (datetime.fromtimestamp(started_at, UTC) + timedelta(days=EVIDENCE_DAYS)).date()


def route_entries(result: TaskResult, fingerprints: Sequence[str]) -> list[dict[str, Json]]:
    """The routes of a verdict as they stand in ``policy.yaml``, in the order they are tried: one,
    or where the candidate holds inside a boundary alone, one for each side of it. `keep` leaves
    the task alone."""
    match: dict[str, Json] = {"task": result.task}
    if fingerprints:
        match["fingerprints"] = list(fingerprints)
    narrowed = result.narrowed
    inside: dict[str, Json] = {
        "task": result.task,
        "match": match,
        **({} if narrowed is None else {"when": when_json(narrowed.when)}),
        "models": list(result.models),
        "baseline": result.baseline,
        "evidence": result.evidence,
    }
    if result.cascade is not None:
        route = result.cascade.route
        if route.checks:
            inside["checks"] = [spec.name for spec in route.checks]
        inside["escalate"] = escalate_entry(route)
    if narrowed is None:
        return [inside]
    outside = {k: v for k, v in inside.items() if k != "when"}
    return [inside, {**outside, "models": [result.baseline]}]


def changes_policy(result: TaskResult) -> bool:
    """Only what was shown is written: an inconclusive task's route stays as it is. Nor is a route
    that keeps a baseline which is being retired."""
    if result.replace and result.outcome is Outcome.KEEP:
        return False
    return result.outcome is not Outcome.INCONCLUSIVE and result.evidence is not None


def _judge_facts(result: TaskResult) -> dict[str, Json]:
    told = result.judge
    return {} if told is None else {"judge": told.heard.model, "labels": told.labels}


def _pair(low: float, high: float) -> list[float]:
    return [round(low, 4), round(high, 4)]


def _ends(interval: Interval) -> tuple[float, float]:
    return interval.low, interval.high


def _rounded(score: float | None) -> float | None:
    return None if score is None else round(score, 4)
