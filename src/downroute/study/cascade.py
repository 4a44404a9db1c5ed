"""A study's pairs → the cascade they show, or why there is none. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from downroute.records import Example, Measurement
from downroute.stats.sequential import bounds
from downroute.study.calibration import LEAST_SAVING, calibrate
from downroute.study.curve import cascade_report, why_not
from downroute.study.look import Rules
from downroute.study.measured import measured_trial
from downroute.study.pairs import Pair
from downroute.study.prepared import PreparedTask
from downroute.study.result import TaskResult
from downroute.study.saving import saving_of
from downroute.study.settings import StudySettings
from downroute.study.verdict import Judgement, Outcome, Stopped

FEWEST = 100
"""Pairs below which nothing is calibrated: an escalated share would rest on a handful."""


def looks_for_cascades(task: PreparedTask, question: StudySettings, rules: Rules) -> bool:
    """Whether a cascade will be looked for should the candidate alone not be shown."""
    if not question.cascade or question.replace or task.choice.asked is not None:
        return False
    return bool(rules.schedule) and rules.schedule[-1] >= FEWEST


def may_cascade(
    judgement: Judgement, task: PreparedTask, question: StudySettings, rules: Rules
) -> bool:
    """Whether a cascade is to be looked for after the candidate's own test."""
    if not looks_for_cascades(task, question, rules):
        return False
    if judgement.outcome in (None, Outcome.ROUTE):
        return False
    return judgement.stopped in (Stopped.DECIDED, Stopped.FUTILITY, Stopped.MAXIMUM)


def worth_asking_on(
    pairs: Sequence[Pair], examples: Sequence[Example], measured: Sequence[Measurement]
) -> bool:
    """Whether the rest of the examples is worth its cost: every difference is known so far, and a
    cascade that escalates what it must at least would save enough."""
    if any(p.to_grade for p in pairs):
        return False
    trial = measured_trial(pairs, examples, measured, {}, {})
    if trial is None:
        return False
    nobody = np.zeros(trial.n, bool)
    saving = trial.saving(nobody, nobody)
    return saving is not None and saving >= LEAST_SAVING


def with_cascade(
    result: TaskResult,
    pairs: Sequence[Pair],
    examples: Sequence[Example],
    measured: Sequence[Measurement],
    rules: Rules,
    calls_per_month: float | None,
) -> TaskResult:
    """``result``, as a cascade where one is shown and pays, else with the reason why not."""
    trial = measured_trial(pairs, examples, measured, {}, {})
    if trial is None or trial.n < FEWEST:
        return result
    z_bound = bounds(rules.schedule, rules.schedule[-1], rules.alpha)[-1]
    found = calibrate(trial, rules, z_bound, seed=rules.seed)
    saved = None if found is None else found.saving()
    if found is None or saved is None or saved < LEAST_SAVING:
        return replace(result, no_cascade=why_not(trial, found, LEAST_SAVING))
    route = found.route(result.task, result.candidate, result.baseline)
    report = cascade_report(found, rules, z_bound, route)
    costs = found.trial.cost(found.escalated(), found.ordering.asked, found.ordering.option.purpose)
    paid = saving_of(found.trial.baseline_usd, costs, calls_per_month)
    return replace(
        result,
        outcome=Outcome.CASCADE,
        cascade=report,
        cascade_saving=paid,
        need=None,
        message=None,
    )
