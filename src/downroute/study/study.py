"""The story: logs in, verdicts out.

1. `prepare`: the tasks in the log, a sample of distinct requests of each, how to score them, and
   what it will cost. Nothing is asked yet.
2. `run`: per task and candidate, ask the candidate look by look, pair its answers with the
   baseline's logged ones, and stop as soon as the pairs decide.
3. `conclude`: each verdict with its evidence, and the policy that follows from them.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from downroute.config import Settings
from downroute.errors import BudgetError, DownrouteError, TaskStoppedError, UsageError
from downroute.money.rates import Rates
from downroute.prompts import digest
from downroute.records import Example, Json, Measurement, Purpose
from downroute.routing.measured_on import prompt_mark, prompts_of
from downroute.routing.policy import merge_routes
from downroute.store import Store
from downroute.study.among_all import Tested, stands_among_all, tested
from downroute.study.asking import Candidate, Paying
from downroute.study.cascade import looks_for_cascades, may_cascade, with_cascade, worth_asking_on
from downroute.study.choice import choose_scorer
from downroute.study.climb import with_ladder
from downroute.study.conclusion import Finding, data_digest, result_of, snapshots
from downroute.study.discovery import FoundTask, exclusive_fingerprints, find_tasks, task_name
from downroute.study.fitness import unfit
from downroute.study.floor import measure_floor
from downroute.study.judging import Judging
from downroute.study.judging_plan import with_judge
from downroute.study.labels import ask_for_labels, next_batch
from downroute.study.look import Rules
from downroute.study.measurement import Manner, Measuring
from downroute.study.narrowing import narrow
from downroute.study.opinions_plan import with_opinions
from downroute.study.pairs import Pair, PairScore, one_answer, pair_up
from downroute.study.plan import plan_task
from downroute.study.prepared import PreparedTask
from downroute.study.result import TaskResult
from downroute.study.routes import changes_policy, evidence, route_entries
from downroute.study.sampling import Sampler, examples
from downroute.study.settings import StudySettings
from downroute.study.slow_scores import score_ahead
from downroute.study.verdict import Judgement, Outcome, Stopped, judge, unfinished


def prepare(
    store: Store,
    question: StudySettings,
    config: Settings,
    rates: Callable[[str], Rates | None],
    only: frozenset[str] | None = None,
) -> list[PreparedTask]:
    """Every task of the log that the baseline answered, sampled, with its scorer and plan;
    ``only`` these calls, where given.

    Raises:
        UsageError: a task or the baseline is not in the log; says what is.
    """
    found = find_tasks(store, question.calls_per_month)
    wanted = {entry.task.name: entry for entry in _wanted(found, question)}
    exclusive = exclusive_fingerprints(found)
    samplers = {name: Sampler(name, question.baseline) for name in wanted}
    for call in store.calls.each(with_bodies=True):
        sampler = samplers.get(task_name(call.task, call.fingerprint))
        if sampler is not None and (only is None or call.id in only):
            sampler.see(call)
    prepared = []
    for name, entry in wanted.items():
        if only is not None and not samplers[name].distinct:
            continue
        drawn = samplers[name].draw(question.examples, question.seed)
        picked = examples(store.calls.each(ids=drawn, with_bodies=True), drawn, name)
        choice = choose_scorer(name, picked, entry.task.shape, question, config, store)
        price = rates(config.judge_of(name).model or "")
        plan = plan_task(
            task=name,
            shape=entry.task.shape,
            scorer=choice.name,
            scorer_reason=choice.reason,
            examples=picked,
            rates=[rates(c) for c in question.candidates],
            margin=margin_of(name, question, config),
            alpha=question.alpha,
            repeats=question.repeats,
            by_people=sum(not choice.judge.by_reference(e) for e in picked),
            floor_rates=rates(question.baseline),
        )
        if choice.asked is not None:
            times = len(question.candidates)
            plan = with_judge(plan, choice.asked, picked, price, config.judge_of(name), times)
        if looks_for_cascades(choice, question, plan.looks) and question.system is None:
            plan = with_opinions(plan, picked, question, rates)
        prepared.append(
            PreparedTask(
                found=entry,
                examples=picked,
                choice=choice,
                plan=plan,
                fingerprints=exclusive.get(name, ()),
                left_out=samplers[name].left_out,
                further=partial(_further, store, samplers[name], frozenset(drawn), question),
                guardrails=config.task(name).guardrails.model_dump(),
                unfit=unfit(
                    picked,
                    choice.judge,
                    question.baseline,
                    margin_of(name, question, config),
                    relative=question.relative,
                ),
            )
        )
    return prepared


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
            finding = await study_task(
                task, candidate, paying, question, config, grades, ahead, judges or {}, helper
            )
            findings.append(finding)
            if finding.result.outcome is Outcome.ROUTE:
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


async def study_task(
    task: PreparedTask,
    candidate: Candidate,
    paying: Paying,
    question: StudySettings,
    config: Settings,
    grades: Mapping[str, PairScore],
    lookahead: int = 0,
    judges: Mapping[str, Candidate] | None = None,
    helper: Candidate | None = None,
) -> Finding:
    """One task, one candidate: look after look until the pairs decide or nothing is left.

    ``lookahead`` is how many examples beyond a look may be asked while it comes in.
    """
    rules = rules_of(task, question, config)
    manner = Manner(
        question.repeats,
        failed_call=failed_call_of(task.name, config),
        logprobs=looks_for_cascades(task.choice, question, rules.schedule),
    )
    judging = judging_of(task, candidate, paying, question, config, judges or {})
    measuring = Measuring(task.name, candidate, paying, manner)
    measured: list[Measurement] = []
    pairs: list[Pair] = []
    judgement = Judgement(None, None, (), 0)
    stop: DownrouteError | None = None if task.unfit is None else TaskStoppedError(task.unfit)

    async def take(batch: Sequence[Example], answers: Sequence[Measurement]) -> None:
        answered = [
            (example, m.model, m.answer)
            for example, first in zip(batch, answers, strict=True)
            for m in (first, *first.more)
            if m.answer is not None and task.choice.judge.by_reference(example)
        ]
        await score_ahead(task.choice.judge, answered)
        measured.extend(answers)
        for example, answer in zip(batch, answers, strict=True):
            if judging is None:
                pair = pair_up(example, question.baseline, answer, task.choice.judge, grades)
            else:
                pair = judging.pair(example, answer, grades)
            pairs.append(pair)

    async def ask(batch: Sequence[Example]) -> Sequence[Pair]:
        before = len(pairs)
        await take(batch, await measuring.measure(batch))
        return pairs[before:]

    for done, until in enumerate(rules.schedule if stop is None else (), start=1):
        batch = task.examples[len(measured) : until]
        try:
            ahead = task.examples[until : until + lookahead]
            answers = await measuring.measure(batch, ahead)
            if judging is not None:
                await judging.judge(batch, answers)
            await take(batch, answers)
        except (BudgetError, TaskStoppedError) as reason:
            stop = reason
            break
        judgement = judge(pairs, done, rules)
        if judgement.outcome is not None:
            break
    narrowing, unlooked = None, None
    # A judge's grades are corrected over the whole task, which says nothing of its parts.
    if stop is None and judgement.looks and judging is None:
        try:
            narrowing = await narrow(task, judgement, pairs, rules, ask)
        except (BudgetError, TaskStoppedError) as reason:
            # The verdict on the whole stands; only where it breaks is not known.
            unlooked = f"where it breaks was not looked for to the end: {reason}"
    # What comes after these was asked for to find a boundary, or to confirm one.
    last = min(rules.schedule[-1], len(task.examples))
    cascading = stop is None and may_cascade(judgement, task, question, rules)
    if cascading and narrowing is None and worth_asking_on(pairs[:last], task.examples, measured):
        rest = task.examples[len(measured) : rules.schedule[-1]]
        try:
            await take(rest, await measuring.measure(rest))
        except (BudgetError, TaskStoppedError):
            # The candidate's own verdict stands; a cascade would need all of the sample.
            cascading = False
    await measuring.finish()
    if isinstance(stop, BudgetError):
        answered = measuring.answered(batch)
        whole = [e for e in batch if e.id in answered]
        if judging is not None:
            whole = [e for e in whole if judging.knows(e, answered[e.id])]
        await take(whole, [answered[e.id] for e in whole])
        judgement = unfinished(pairs, judgement, rules)
    elif stop is not None:
        # Whatever came in last is the fault's doing and is shown nowhere as the model's.
        judgement = replace(judgement, outcome=Outcome.INCONCLUSIVE, stopped=Stopped.FAULT)
    state = judgement.looks[-1].judged if judgement.looks else None
    if judgement.stopped is Stopped.LABELS and state is not None:
        seen = pairs[: judgement.looks[-1].examples]
        pairs = ask_for_labels(seen, rules.schedule, next_batch(state.missing, state.labels))
    heard = None if judging is None else judging.heard()
    result = result_of(
        task, candidate.model, question, rules, judgement, pairs, measured, heard, narrowing
    )
    # Pairs that wait for a grade are those that differ: without them nothing can be calibrated.
    cascading = cascading and not any(p.to_grade for p in pairs[:last])
    if cascading and result.outcome is not Outcome.ROUTE and len(measured) >= last:
        givers = givers_of(candidate, helper, question)
        answers = [one_answer(m) for m in measured[:last]]
        # A cascade judges the one answer it gets, not the mean of several.
        judged = (
            pairs[:last]
            if question.repeats == 1
            else [
                pair_up(example, question.baseline, answer, task.choice.judge, grades)
                for example, answer in zip(task.examples, answers, strict=False)
            ]
        )
        result = await with_cascade(result, task, judged, answers, question, rules, givers, paying)
    if stop is not None or unlooked is not None:
        result = replace(result, message=unlooked if stop is None else str(stop))
    until = len(task.examples)
    return Finding(result, tuple(pairs[:until]), tuple(measured[:until]), tuple(measured[until:]))


def judging_of(
    task: PreparedTask,
    candidate: Candidate,
    paying: Paying,
    question: StudySettings,
    config: Settings,
    judges: Mapping[str, Candidate],
) -> Judging | None:
    """Who judges the task's answers, where a model does."""
    scorer = task.choice.asked
    if scorer is None:
        return None
    wanted = config.judge_of(task.name)
    judge = judges[wanted.model or ""]
    return Judging(scorer, judge, paying, question.baseline, candidate.model, wanted.repeats)


def givers_of(
    candidate: Candidate, helper: Candidate | None, question: StudySettings
) -> dict[Purpose, Candidate]:
    """Who may be asked for second opinions. With a new prompt nobody: no route can ask it."""
    if question.system is not None:
        return {}
    givers = {Purpose.SELF_CHECK: candidate} if question.self_check else {}
    if helper is not None and helper.model != candidate.model:
        givers[Purpose.HELPER] = helper
    return givers


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


def rules_of(task: PreparedTask, question: StudySettings, config: Settings) -> Rules:
    """How the test of one task decides."""
    return Rules(
        margin=margin_of(task.name, question, config),
        alpha=question.alpha,
        schedule=task.plan.looks,
        relative=question.relative,
        seed=question.seed,
        labels=config.judge_of(task.name).labels,
    )


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


def margin_of(task: str, question: StudySettings, config: Settings) -> float:
    """The task's own margin from the configuration, else the study's."""
    own = config.tasks[task].margin if task in config.tasks else None
    return question.margin if own is None else own


def failed_call_of(task: str, config: Settings) -> str:
    """What a call of this task is that never came through."""
    return config.tasks[task].failed_call if task in config.tasks else "unscored"


FURTHER = 3
"""How many times a study's examples may be looked through for more inside a boundary."""


def _further(
    store: Store, sampler: Sampler, taken: frozenset[str], question: StudySettings
) -> tuple[Example, ...]:
    drawn = sampler.draw((1 + FURTHER) * question.examples, question.seed)
    more = {i: place for i, place in drawn.items() if i not in taken}
    return examples(store.calls.each(ids=more, with_bodies=True), more, sampler.task)


_PREFERENCE = {
    Outcome.ROUTE: 0,
    Outcome.CASCADE: 1,
    Outcome.INCONCLUSIVE: 2,
    Outcome.KEEP: 3,
}


def price_order(rates: Rates | None) -> float:
    """Cheapest first. Output tokens dominate most bills; an unpriced candidate comes last."""
    return float("inf") if rates is None else rates.input_usd + rates.output_usd


def _wanted(found: Sequence[FoundTask], question: StudySettings) -> list[FoundTask]:
    if not found:
        raise UsageError("the store holds no calls; read a log first with `downroute import PATH`")
    by_name = {entry.task.name: entry for entry in found}
    missing = [name for name in question.tasks if name not in by_name]
    if missing:
        raise UsageError(
            f"no task '{missing[0]}' in the log; there are: {', '.join(sorted(by_name))}"
        )
    wanted = [e for e in found if not question.tasks or e.task.name in question.tasks]
    answered = [e for e in wanted if question.baseline in e.models_and_snapshots]
    if not answered:
        names = sorted({m for e in wanted for m in e.models_and_snapshots})
        raise UsageError(
            f"the baseline '{question.baseline}' answered none of these calls; the log holds "
            f"answers of: {', '.join(names)}"
        )
    return answered
