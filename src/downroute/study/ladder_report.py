"""What a ladder comes to, told as a cascade is. Pure."""

from __future__ import annotations

import numpy as np

from downroute.records import Route
from downroute.stats.detector import auroc
from downroute.study.calibration import Point
from downroute.study.curve import CascadeReport, CurvePoint, oracle_point, quantile, split_point
from downroute.study.ladder import Ladder, climbed
from downroute.study.look import Rules


def ladder_report(found: Ladder, rules: Rules, z_bound: float, route: Route) -> CascadeReport:
    """The report on a ladder whose point was chosen. What is escalated and found is told of the
    first model's answers; ``answered`` says how far up the requests go."""
    assert found.point is not None
    first, served = found.rungs[0].trial, found.served()
    places = found.reached(found.point.above)
    nobody, gain = np.zeros(first.n, bool), first.gain > 0

    def at(point: Point) -> CurvePoint:
        places = found.reached(point.above)
        trial = climbed(found.rungs, places)
        gap = trial.served(nobody).interval(-z_bound, rules)
        saving = trial.saving(nobody, nobody)
        return CurvePoint(float((places > 0).mean()), gap, saving, passed=point.passed)

    alone = first.served(nobody).interval(-z_bound, rules)
    risk = np.nan_to_num(found.ordering.risk[: first.n], posinf=1e12, neginf=-1e12)
    return CascadeReport(
        route=route,
        point=at(found.point),
        curve=tuple(at(point) for point in found.points),
        calibrated_on=first.n,
        gains=int(gain.sum()),
        learned=found.learned,
        asked=0.0,
        auroc=auroc(risk, gain),
        recall=float(((places > 0) & gain).sum() / gain.sum()) if gain.any() else None,
        wrong_per_1000=1000.0 * float((served.gain > 0).mean()),
        break_even=None,
        all_candidate=CurvePoint(0.0, alone, first.saving(nobody, nobody), passed=False),
        latency_p50_s=quantile(served.candidate_s, 0.5),
        latency_p95_s=quantile(served.candidate_s, 0.95),
        random_split=split_point(first, rules, z_bound),
        oracle=oracle_point(first, rules, z_bound),
        first_word_s=quantile(first.candidate_s[places == 0], 0.5),
        baseline_p95_s=quantile(first.baseline_s, 0.95),
        answered=tuple(float((places == k).mean()) for k in range(len(route.models))),
    )
