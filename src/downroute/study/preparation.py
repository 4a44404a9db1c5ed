"""From the log to tasks that are ready to be measured; nothing is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from downroute.config import Settings
from downroute.errors import UsageError
from downroute.money.rates import Rates
from downroute.records import Example
from downroute.store import Store
from downroute.study.cascade import looks_for_cascades
from downroute.study.choice import choose_scorer
from downroute.study.discovery import FoundTask, exclusive_fingerprints, find_tasks, task_name
from downroute.study.fitness import unfit
from downroute.study.judging_plan import with_judge
from downroute.study.opinions_plan import with_opinions
from downroute.study.plan import plan_task
from downroute.study.prepared import PreparedTask
from downroute.study.sampling import Sampler, examples
from downroute.study.settings import StudySettings
from downroute.study.terms import margin_of


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


FURTHER = 3
"""How many times a study's examples may be looked through for more inside a boundary."""


def _further(
    store: Store, sampler: Sampler, taken: frozenset[str], question: StudySettings
) -> tuple[Example, ...]:
    drawn = sampler.draw((1 + FURTHER) * question.examples, question.seed)
    more = {i: place for i, place in drawn.items() if i not in taken}
    return examples(store.calls.each(ids=more, with_bodies=True), more, sampler.task)


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
