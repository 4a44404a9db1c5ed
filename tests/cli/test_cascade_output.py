"""What is printed of a cascade says where it loses, and does not where it wins."""

from __future__ import annotations

from dataclasses import replace

from downroute.cli.cascade_output import cascade_lines
from downroute.records import LinearScore, Route
from downroute.stats.interval import Interval
from downroute.study.curve import CascadeReport, CurvePoint

GAP = Interval(0.02, 0.0, 0.04)


def report(*, saving: float, split: float) -> CascadeReport:
    point = CurvePoint(0.3, GAP, saving, passed=True)
    return CascadeReport(
        route=Route("t", ("s", "l"), "l", escalate=LinearScore(0.0, {"words_out": 1.0}, 0.0)),
        point=point,
        curve=(point,),
        calibrated_on=400,
        gains=40,
        learned=True,
        asked=0.0,
        auroc=0.6,
        recall=0.5,
        wrong_per_1000=20.0,
        break_even=0.9,
        all_candidate=replace(point, escalation=0.0, passed=False),
        latency_p50_s=0.4,
        latency_p95_s=2.5,
        random_split=CurvePoint(0.4, GAP, split, passed=True),
        oracle=replace(point, saving=0.9, passed=False),
        first_word_s=0.4,
        baseline_p95_s=1.5,
    )


def test_a_cascade_that_a_random_split_beats_says_so() -> None:
    loses = "\n".join(cascade_lines(report(saving=0.4, split=0.5)))
    wins = "\n".join(cascade_lines(report(saving=0.5, split=0.4)))
    assert "loses here to a random split of the requests, which would save 50%" in loses
    assert "because a target was named" in loses
    assert "random split" not in wins


def test_latency_is_told_where_it_is_known_and_beside_the_baselines() -> None:
    known = report(saving=0.5, split=0.4)
    told = "\n".join(cascade_lines(known))
    assert "2.50 s at p95; a cascade loses here in latency" in told
    assert "the baseline alone takes 1.50 s" in told
    assert "first word comes after 0.40 s" in told
    quick = "\n".join(cascade_lines(replace(known, baseline_p95_s=3.0)))
    assert "loses here in latency" not in quick
    unknown = replace(
        known, latency_p50_s=None, latency_p95_s=None, first_word_s=None, baseline_p95_s=None
    )
    assert not any(" s " in line for line in cascade_lines(unknown))
