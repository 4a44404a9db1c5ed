"""What a calibration tells, and what of it stands in the policy."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from downroute.routing.policy import merge_routes, read_policy
from downroute.stats.sequential import bounds
from downroute.study.calibration import calibrate
from downroute.study.curve import cascade_report, escalate_entry
from downroute.study.look import Rules
from downroute.study.trial import Trial

Make = Callable[..., Trial]
RULES = Rules(0.05, 0.05, (100, 200, 300, 400, 500))
Z = bounds(RULES.schedule, 500, 0.05)[-1]


@pytest.mark.parametrize("paid", [None, 4.0])
def test_the_policy_reads_back_the_very_score_that_was_simulated(
    made_up: Make, paid: float | None
) -> None:
    trial = made_up(500, telling=1.0, paid_telling=paid, noise=0)
    found = calibrate(trial, RULES, Z)
    assert found is not None
    route = found.route("task", "small", "large")
    entry = {
        "task": "task", "match": {"task": "task"}, "models": ["small", "large"],
        "escalate": escalate_entry(route), "unproven": True,
    }  # fmt: skip
    (read,) = read_policy(merge_routes("", "policy.yaml", [entry])).routes
    assert read.escalate == route.escalate
    assert read.second == route.second


def test_the_report_counts_what_is_accepted_and_what_is_found(made_up: Make) -> None:
    trial = made_up(500, telling=2.0)
    found = calibrate(trial, RULES, Z)
    assert found is not None
    told = cascade_report(found, RULES, Z, found.route("task", "small", "large"))
    escalated, gain = found.escalated(), trial.gain > 0
    assert told.wrong_per_1000 == pytest.approx(1000 * (~escalated & gain).mean())
    assert told.recall == pytest.approx((escalated & gain).sum() / gain.sum())
    assert told.break_even == pytest.approx(0.94)
    assert told.point.gap.high < 0.05
    assert told.point.saving == pytest.approx(0.94 - escalated.mean())
    assert told.latency_p95_s is None
    assert told.oracle.saving is not None and told.random_split.saving is not None
    assert told.oracle.saving >= told.point.saving > told.random_split.saving
    assert told.random_split.passed
