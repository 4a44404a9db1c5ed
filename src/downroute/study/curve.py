"""What a calibration comes to: quality against saving, and what stands beside it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from downroute.money.savings import RouteCost
from downroute.records import Json, LinearScore, Route
from downroute.stats.detector import auroc
from downroute.stats.interval import Interval
from downroute.study.beside import oracle, random_saving, random_split
from downroute.study.calibration import Calibration
from downroute.study.look import Rules
from downroute.study.trial import Array, Bools, Trial

GUARANTEE = (
    "on average over such requests the cascade is within the margin, with the study's confidence; "
    "no single answer is guaranteed, but for the checks, which hold for each"
)


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One step of the grid on the measured pairs. ``saving`` is net, of the baseline's cost."""

    escalation: float
    gap: Interval
    saving: float | None
    passed: bool


@dataclass(frozen=True, slots=True)
class CascadeReport:
    """A cascade as it was shown. ``wrong_per_1000`` are answers accepted that the baseline would
    have got right; ``recall`` the share of such answers that are escalated. Times in seconds,
    ``None`` where they were not recorded; ``first_word_s`` is the median of accepted answers,
    which a stream holds back until they are checked."""

    route: Route
    point: CurvePoint
    curve: tuple[CurvePoint, ...]
    calibrated_on: int
    gains: int
    learned: bool
    asked: float
    auroc: float | None
    recall: float | None
    wrong_per_1000: float
    break_even: float | None
    all_candidate: CurvePoint
    latency_p50_s: float | None
    latency_p95_s: float | None
    random_split: CurvePoint
    oracle: CurvePoint
    first_word_s: float | None
    baseline_p95_s: float | None
    answered: tuple[float, ...] = ()
    """Of a ladder the share of requests that each of the route's models answers, in order."""

    def as_json(self) -> dict[str, Json]:
        """As ``study --json`` prints it and the ledger keeps it."""
        return {
            "escalate": escalate_entry(self.route),
            "calibrated_on": self.calibrated_on,
            "gains": self.gains,
            "learned": self.learned,
            "chosen": _point(self.point),
            "curve": [_point(p) for p in self.curve],
            "all_candidate": _point(self.all_candidate),
            "asked": self.asked,
            "auroc": self.auroc,
            "recall": self.recall,
            "wrong_per_1000": self.wrong_per_1000,
            "break_even_escalation": self.break_even,
            "latency_p50_s": self.latency_p50_s,
            "latency_p95_s": self.latency_p95_s,
            "first_word_s": self.first_word_s,
            "baseline_latency_p95_s": self.baseline_p95_s,
            "random_split": _point(self.random_split),
            "oracle": _point(self.oracle),
            "answered": list(self.answered) or None,
            "guarantee": GUARANTEE,
        }


def cascade_report(found: Calibration, rules: Rules, z_bound: float, route: Route) -> CascadeReport:
    """The report on a calibration whose point was chosen."""
    trial, ordering = found.trial, found.ordering
    assert found.point is not None
    escalated = found.escalated()
    gain = trial.gain > 0
    nobody = np.zeros(trial.n, bool)

    def at(mask: Bools, *, passed: bool) -> CurvePoint:
        return CurvePoint(
            float(mask.mean()),
            trial.served(mask).interval(-z_bound, rules),
            trial.saving(mask, ordering.asked, ordering.option.purpose),
            passed,
        )

    finite = np.nan_to_num(ordering.risk, posinf=1e12, neginf=-1e12)
    times = trial.candidate_s + np.where(escalated, trial.baseline_s, 0.0)
    first = trial.candidate_s[~escalated]
    if ordering.option.purpose is not None:
        asked = np.where(ordering.asked, trial.paid[ordering.option.purpose].latency_s, 0.0)
        times, first = times + asked, first + asked[~escalated]
    return CascadeReport(
        route=route,
        point=at(escalated, passed=True),
        curve=tuple(at(ordering.escalated(p.above), passed=p.passed) for p in found.points),
        calibrated_on=trial.n,
        gains=found.gains,
        learned=found.learned,
        asked=float(ordering.asked.mean()),
        auroc=auroc(finite, gain),
        recall=float((escalated & gain).sum() / gain.sum()) if gain.any() else None,
        wrong_per_1000=1000.0 * float((~escalated & gain).mean()),
        break_even=_break_even(trial),
        all_candidate=at(nobody, passed=False),
        latency_p50_s=quantile(times, 0.5),
        latency_p95_s=quantile(times, 0.95),
        random_split=split_point(trial, rules, z_bound),
        oracle=oracle_point(trial, rules, z_bound),
        first_word_s=quantile(first, 0.5),
        baseline_p95_s=quantile(trial.baseline_s, 0.95),
    )


def split_point(trial: Trial, rules: Rules, z_bound: float) -> CurvePoint:
    """A share of requests chosen by lot, as large as has to go to the baseline to hold the margin;
    its gap is that of one such lot."""
    share, chosen = random_split(trial, rules, z_bound)
    gap = trial.served(chosen).interval(-z_bound, rules)
    return CurvePoint(share, gap, random_saving(trial, share), passed=gap.high < rules.margin)


def oracle_point(trial: Trial, rules: Rules, z_bound: float) -> CurvePoint:
    """What knowing every score would do on these very pairs; no test stands behind it."""
    escalated = oracle(trial, rules)
    nobody = np.zeros(trial.n, bool)
    gap = trial.served(escalated).interval(-z_bound, rules)
    return CurvePoint(float(escalated.mean()), gap, trial.saving(escalated, nobody), passed=False)


def quantile(seconds: Array, share: float) -> float | None:
    """``None`` where one of ``seconds`` is not known."""
    return (
        float(np.quantile(seconds, share)) if len(seconds) and np.isfinite(seconds).all() else None
    )


def escalate_entry(route: Route) -> dict[str, Json]:
    """What stands under ``escalate:`` in ``policy.yaml``."""
    assert route.escalate is not None
    entry = _score_entry(route.escalate)
    second = route.second
    if second is None:
        return {**entry, "above": route.escalate.above}
    asked = {second.purpose.value: second.model, "between": [second.low, second.high]}
    return {**entry, "ask": {**asked, **_score_entry(second.score), "above": second.score.above}}


def _score_entry(score: LinearScore) -> dict[str, Json]:
    entry: dict[str, Json] = {"score": {"intercept": score.intercept, **score.weights}}
    if score.impute:
        entry["impute"] = dict(score.impute)
    return entry


def _break_even(trial: Trial) -> float | None:
    baseline, candidate = _mean(trial.baseline_usd), _mean(trial.candidate_usd)
    if not np.isfinite(baseline + candidate) or baseline <= 0:
        return None
    return RouteCost(baseline, candidate).break_even_escalation()


def _mean(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def _point(point: CurvePoint) -> Mapping[str, Json]:
    return {
        "escalation": point.escalation,
        "gap": point.gap.estimate,
        "gap_low": point.gap.low,
        "gap_high": point.gap.high,
        "saving": point.saving,
        "passed": point.passed,
    }
