"""The story: logs in, verdicts out.

1. `preparation.prepare`: the tasks in the log, a sample of distinct requests of each, how to score
   them, and what it will cost. Nothing is asked yet.
2. `run`: per task and candidate (`task_study`), ask the candidate look by look, pair its answers
   with the baseline's logged ones, and stop as soon as the pairs decide.
3. `conclude`: each verdict with its evidence, and the policy that follows from them.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from downroute.config import Settings
from downroute.money.rates import Rates
from downroute.prompts import digest
from downroute.records import Json
from downroute.routing.measured_on import prompt_mark, prompts_of
from downroute.routing.policy import merge_routes
from downroute.study.among_all import Tested, stands_among_all, tested
from downroute.study.asking import Candidate, Paying
from downroute.study.climb import with_ladder
from downroute.study.conclusion import Finding, data_digest, snapshots
from downroute.study.floor import measure_floor
from downroute.study.pairs import PairScore
from downroute.study.prepared import PreparedTask
from downroute.study.result import TaskResult
from downroute.study.routes import changes_policy, evidence, route_entries
from downroute.study.settings import StudySettings
from downroute.study.task_study import TaskStudy
from downroute.study.terms import margin_of, rules_of
from downroute.study.verdict import Outcome


async def run(
    prepared: Sequence[PreparedTask],
    candidates: Sequence[Candidate],
    paying: Paying,
    question: StudySettings,
    config: Settings,
    grades: Mapping[str, PairScore],
    baseline: Candidate | None = None,
    judges: Mapping[str, Candidate] | None = None,
    helper: Candidate | None = None,
) -> list[Finding]:
    """All tasks at once, each candidate in turn (cheapest first) until one is shown; where
    ``baseline`` is given, it is then held against itself. ``helper`` gives second opinions."""
    ordered = sorted(candidates, key=lambda candidate: price_order(candidate.rates))

    async def one(task: PreparedTask) -> Finding:
        findings: list[Finding] = []
        for candidate in ordered:
            # Many tasks keep the slots busy by themselves; asking ahead would only cost more.
            ahead = candidate.concurrency // len(worth)
            study = TaskStudy(task, candidate, paying, question, config, grades, judges, helper)
            findings.append(await study.finding(ahead))
            if findings[-1].result.outcome is Outcome.ROUTE:
                break
        rules = rules_of(task, question, config)
        best = with_ladder(best_of(findings), findings, task, question, rules, grades)
        if baseline is None or not best.result.examples:
            return best
        floor = await measure_floor(task, baseline, paying, best.result.examples)
        return replace(best, result=replace(best.result, floor=floor))

    worth = [
        t for t in prepared if t.worth_measuring(question, margin_of(t.name, question, config))
    ]
    return list(await asyncio.gather(*(one(task) for task in worth)))


def best_of(findings: Sequence[Finding]) -> Finding:
    """Of one task's candidates the one that counts, with the others' results beside it: of those
    that were shown, alone or in a cascade, the one that saves most."""

    def place(finding: Finding) -> tuple[bool, float, int]:
        result = finding.result
        shown = result.outcome in (Outcome.ROUTE, Outcome.CASCADE)
        saving = result.route_saving
        saved = float("-inf") if saving is None else saving.share
        return not shown, -saved if shown else 0.0, _PREFERENCE[result.outcome]

    best = min(findings, key=place)
    others = tuple(f.result for f in findings if f is not best)
    return replace(best, result=replace(best.result, others=others))


def conclude(
    findings: Sequence[Finding],
    prepared: Sequence[PreparedTask],
    question: StudySettings,
    config: Settings,
    *,
    study_id: str,
    started_at: float,
    made_with: Mapping[str, Json],
    others: Sequence[Mapping[str, Json]] = (),
) -> list[TaskResult]:
    """The results with the evidence a policy may cite; ``made_with`` is what it takes to repeat
    the study, which the evidence's digest covers too. ``others`` is what the same study has found
    of further tasks, as it told it."""
    by_name = {task.name: task for task in prepared}
    stands = stands_among_all([Tested.of(f.result) for f in findings] + tested(others))
    concluded = []
    for finding in findings:
        result = replace(finding.result, stands_among_all=stands.get(finding.result.task))
        task = by_name[result.task]
        facts = evidence(
            result,
            study_id=study_id,
            margin=margin_of(result.task, question, config),
            relative=question.relative,
            confidence=question.confidence,
            started_at=started_at,
            snapshots=snapshots(finding),
            prompts=prompts_of(Counter(prompt_mark(e.request) for e in task.examples)),
            data_digest=digest([data_digest(finding, task), dict(made_with)]),
        )
        concluded.append(result.with_evidence(facts) if result.interval else result)
    return concluded


def new_policy(
    text: str, name: str, results: Sequence[TaskResult], prepared: Sequence[PreparedTask]
) -> str:
    """The policy ``text`` with the routes that ``results`` lead to."""
    marks = {task.name: task.fingerprints for task in prepared}
    changes = [r for r in results if changes_policy(r)]
    routes = [entry for r in changes for entry in route_entries(r, marks[r.task])]
    return merge_routes(text, name, routes) if routes else text


_PREFERENCE = {
    Outcome.ROUTE: 0,
    Outcome.CASCADE: 1,
    Outcome.INCONCLUSIVE: 2,
    Outcome.KEEP: 3,
}


def price_order(rates: Rates | None) -> float:
    """Cheapest first. Output tokens dominate most bills; an unpriced candidate comes last."""
    return float("inf") if rates is None else rates.input_usd + rates.output_usd
