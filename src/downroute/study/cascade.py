"""A study's pairs → the cascade they show, or why there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from downroute.records import CheckSpec, Example, Measurement, Purpose
from downroute.stats.sequential import bounds
from downroute.study.asking import Candidate, Paying
from downroute.study.calibration import Calibration, calibrate
from downroute.study.choice import Choice
from downroute.study.curve import cascade_report
from downroute.study.detectors import grade_detectors, paying_checks, rejecting
from downroute.study.guardrails import Guardrail, guardrails
from downroute.study.look import Rules
from downroute.study.measured import measured_trial
from downroute.study.opinions import sift
from downroute.study.pairs import Pair
from downroute.study.prepared import PreparedTask
from downroute.study.result import TaskResult
from downroute.study.saving import saving_of
from downroute.study.settings import StudySettings
from downroute.study.trial import Trial
from downroute.study.verdict import Judgement, Outcome, Stopped
from downroute.study.worth import why_not, worth_calibrating

FEWEST = 100
"""Pairs below which nothing is calibrated: an escalated share would rest on a handful."""
UNCHOSEN = 0.2
"""The share of answers that signals are graded at where no cascade says how many it escalates."""


def looks_for_cascades(choice: Choice, question: StudySettings, looks: Sequence[int]) -> bool:
    """Whether a cascade will be looked for should the candidate alone not be shown."""
    if not question.cascade or question.replace or choice.asked is not None:
        return False
    return bool(looks) and looks[-1] >= FEWEST


def may_cascade(
    judgement: Judgement, task: PreparedTask, question: StudySettings, rules: Rules
) -> bool:
    """Whether a cascade is to be looked for after the candidate's own test."""
    if not looks_for_cascades(task.choice, question, rules.schedule):
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
    return trial is not None and worth_calibrating(trial)


async def with_cascade(
    result: TaskResult,
    task: PreparedTask,
    pairs: Sequence[Pair],
    measured: Sequence[Measurement],
    question: StudySettings,
    rules: Rules,
    givers: Mapping[Purpose, Candidate],
    paying: Paying,
) -> TaskResult:
    """``result``, as a cascade where one is shown and pays, else with the reason why not. Second
    opinions are asked of ``givers``, as far as they pay."""
    trial = measured_trial(pairs, task.examples, measured, {}, {})
    if trial is None or trial.n < FEWEST:
        return result
    checks = paying_checks(trial)
    trial = rejecting(trial, checks)
    by_id = {e.id: e for e in task.examples}
    answers = {m.example_id: m for m in measured}
    sifted = await sift(trial, by_id, answers, givers, rules.margin, rules.seed, paying)
    found = calibrate(
        sifted.trial,
        rules,
        last_bound(rules),
        seed=rules.seed,
        strict=question.strict,
        target_escalation=question.target_escalation,
        target_quality=question.target_quality,
        option=sifted.option,
    )
    result = replace(result, sought=sifted.sought)
    # Whoever names a target wants that point, whatever it saves.
    why = why_not(
        sifted.trial,
        found,
        rules,
        last_bound(rules),
        wanted=question.target_escalation is not None,
        quality=question.target_quality,
    )
    if found is None or why is not None:
        share = 0.0 if found is None or found.point is None else float(found.escalated().mean())
        detectors = grade_detectors(sifted.trial, share or UNCHOSEN, None)
        return replace(result, no_cascade=why, detectors=detectors)
    return _shown(result, task, found, checks, sifted.trial, answers, rules)


def _shown(
    result: TaskResult,
    task: PreparedTask,
    found: Calibration,
    checks: tuple[CheckSpec, ...],
    trial: Trial,
    answers: Mapping[str, Measurement],
    rules: Rules,
) -> TaskResult:
    route = found.route(result.task, result.candidate, result.baseline, checks)
    share = float(found.escalated().mean())
    result = replace(result, detectors=grade_detectors(trial, share, route))
    failed = [g.said("the cascade") for g in _guardrails(task, found, answers) if g.failed]
    if failed:
        return replace(result, no_cascade="no cascade: " + "; ".join(failed))
    costs = found.trial.cost(found.escalated(), found.ordering.asked, found.ordering.option.purpose)
    return replace(
        result,
        outcome=Outcome.CASCADE,
        cascade=cascade_report(found, rules, last_bound(rules), route),
        cascade_saving=saving_of(found.trial.baseline_usd, costs, task.found.calls_per_month),
        guardrails=_guardrails(task, found, answers),
        need=None,
        message=None,
    )


def _guardrails(
    task: PreparedTask, found: Calibration, answers: Mapping[str, Measurement]
) -> tuple[Guardrail, ...]:
    """The guardrails over what the cascade would serve."""
    by_id = {e.id: e for e in task.examples}
    escalated = found.escalated()
    examples = [by_id[p.example_id] for p in found.trial.pairs]
    served = [
        replace(answers[e.id], answer=e.baseline_answer) if over else answers[e.id]
        for e, over in zip(examples, escalated, strict=True)
    ]
    return guardrails(examples, served, task.guardrails)


def last_bound(rules: Rules) -> float:
    """The z bound of the last planned look."""
    return bounds(rules.schedule, rules.schedule[-1], rules.alpha)[-1]
