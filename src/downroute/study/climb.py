"""A task's candidates, or one of them asked twice, as a ladder: where it saves more than the best
cascade of two models does.

It is tested only after such a cascade was shown, at the same level, so that all of a task's tests
together hold the study's error (a fixed sequence; of several candidates each has its share).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import NamedTuple

import numpy as np

from downroute.records import CheckSpec, Measurement
from downroute.study.cascade import FEWEST, last_bound
from downroute.study.conclusion import Finding
from downroute.study.detectors import grade_detectors, paying_checks, rejecting
from downroute.study.guardrails import Guardrail, guardrails
from downroute.study.ladder import Ladder, Rung, calibrate_ladder, choose_ladder
from downroute.study.ladder_report import ladder_report
from downroute.study.look import Rules
from downroute.study.measured import measured_trial
from downroute.study.options import CLEARLY
from downroute.study.pairs import PairScore, one_answer, pair_up
from downroute.study.prepared import PreparedTask
from downroute.study.saving import saving_of
from downroute.study.settings import StudySettings
from downroute.study.trial import Trial
from downroute.study.verdict import Outcome


class _Step(NamedTuple):
    """A candidate's ``answers`` to the whole sample, with what was found of it."""

    finding: Finding
    answers: Sequence[Measurement]
    trial: Trial


def with_ladder(
    best: Finding,
    findings: Sequence[Finding],
    task: PreparedTask,
    question: StudySettings,
    rules: Rules,
    grades: Mapping[str, PairScore],
) -> Finding:
    """``best``, or the ladder of two of the ``findings`` (cheapest first), or of one whose
    examples were answered twice, that is shown and saves clearly more."""
    if best.result.outcome is not Outcome.CASCADE or best.result.cascade is None:
        return best
    if (question.target_escalation, question.target_quality) != (None, None):
        return best
    steps = _on_the_same_pairs(_steps(findings, task, question, rules, grades))
    if len(steps) < 2 or steps[0].trial.n < FEWEST:
        return best
    checks = paying_checks(steps[0].trial)
    rungs = [Rung(s.finding.result.candidate, rejecting(s.trial, checks)) for s in steps]
    picked = choose_ladder(list(combinations(rungs, 2)), rules.margin, rules.seed)
    if picked is None:
        return best
    bound = last_bound(rules)
    found = calibrate_ladder(*picked, rules, bound, seed=rules.seed, strict=question.strict)
    if found is None or found.point is None or not _saves_more(found, best):
        return best
    used = [steps[k] for k, rung in enumerate(rungs) if any(rung is r for r in picked[0])]
    kept = _guardrails(task, found, used)
    if any(g.failed for g in kept):
        return best
    return _told(findings, task, rules, found, checks, used, kept)


def _steps(
    findings: Sequence[Finding],
    task: PreparedTask,
    question: StudySettings,
    rules: Rules,
    grades: Mapping[str, PairScore],
) -> list[_Step]:
    """Every candidate that answered the whole sample; where each example was answered more than
    once, the second answers stand right after the first."""
    last = min(rules.schedule[-1], len(task.examples))
    by_id = {e.id: e for e in task.examples}
    found = []
    for finding in findings:
        measured = finding.measured[:last]
        if len(measured) < last:
            continue
        tries = [[one_answer(m) for m in measured]]
        if all(m.more for m in measured):
            tries.append([one_answer(m.more[0]) for m in measured])
        for answers in tries:
            pairs = [
                pair_up(by_id[m.example_id], question.baseline, m, task.choice.judge, grades)
                for m in answers
            ]
            trial = measured_trial(pairs, task.examples, answers, {}, {})
            if trial is not None:
                found.append(_Step(finding, answers, trial))
    return found


def _on_the_same_pairs(steps: Sequence[_Step]) -> list[_Step]:
    ids = [[p.example_id for p in step.trial.pairs] for step in steps]
    common = set(ids[0]).intersection(*ids[1:]) if ids else set()
    return [
        step._replace(trial=step.trial.take([k for k, i in enumerate(own) if i in common]))
        for step, own in zip(steps, ids, strict=True)
    ]


def _saves_more(found: Ladder, best: Finding) -> bool:
    served, before = found.served(), best.result.cascade_saving
    nobody = np.zeros(served.n, bool)
    saving = served.saving(nobody, nobody)
    return saving is not None and before is not None and saving > before.share + CLEARLY


def _told(
    findings: Sequence[Finding],
    task: PreparedTask,
    rules: Rules,
    found: Ladder,
    checks: tuple[CheckSpec, ...],
    used: Sequence[_Step],
    kept: tuple[Guardrail, ...],
) -> Finding:
    """The first model's finding, as one of the whole ladder."""
    first = used[0].finding
    route = found.route(task.name, first.result.baseline, checks)
    report = ladder_report(found, rules, last_bound(rules), route)
    served = found.served()
    rates = (served.baseline_usd, served.candidate_usd, task.found.calls_per_month)
    result = replace(
        first.result,
        outcome=Outcome.CASCADE,
        cascade=report,
        cascade_saving=saving_of(*rates),
        scores={m: s for step in used for m, s in step.finding.result.scores.items()},
        mean_cost_usd={m: c for step in used for m, c in step.finding.result.mean_cost_usd.items()},
        detectors=grade_detectors(found.rungs[0].trial, report.point.escalation, route),
        guardrails=kept,
        no_cascade=None,
        need=None,
        message=None,
        others=tuple(f.result for f in findings if f is not first),
    )
    above = tuple(step.finding for step in used if step.finding is not first)
    return replace(first, result=result, above=above)


def _guardrails(task: PreparedTask, found: Ladder, used: Sequence[_Step]) -> tuple[Guardrail, ...]:
    """The guardrails over what the ladder would serve."""
    assert found.point is not None
    by_id = {e.id: e for e in task.examples}
    answers = [{m.example_id: m for m in step.answers} for step in used]
    examples = [by_id[p.example_id] for p in found.rungs[0].trial.pairs]
    served = [
        answers[place][e.id]
        if place < len(answers)
        else replace(answers[0][e.id], answer=e.baseline_answer)
        for e, place in zip(examples, found.reached(found.point.above), strict=True)
    ]
    return guardrails(examples, served, task.guardrails)
