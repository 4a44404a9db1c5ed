"""A study without asking: the same study, run on nothing but what the journal holds, with the
grades there are by now."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from downroute.config import Settings
from downroute.errors import BudgetError, StoreError
from downroute.money.rates import Rates
from downroute.providers.replies import Reply
from downroute.records import Json, Measurement
from downroute.store import JournalEntry, JournalKey, Store
from downroute.study.asking import UNANSWERED, Candidate, Paying
from downroute.study.budget import Budget
from downroute.study.conclusion import Finding
from downroute.study.measurement import Manner, Measuring
from downroute.study.pairs import Pair, PairScore, pair_up
from downroute.study.prepared import PreparedTask
from downroute.study.settings import StudySettings
from downroute.study.slow_scores import score_ahead
from downroute.study.study import price_order, run
from downroute.study.terms import failed_call_of, judging_of
from downroute.study.verdict import Outcome, Stopped

Adapt = Callable[[str], Callable[[Mapping[str, Json]], Mapping[str, Json]]]
"""How requests are put to a model."""

_SLOTS = 64


@dataclass(frozen=True, slots=True)
class Memory:
    """What one study left behind. ``upstreams`` says by candidate, judge or baseline where the
    study asked; ``adapt`` and ``rates`` are by such a name."""

    store: Store
    question: StudySettings
    config: Settings
    upstreams: Mapping[str, str]
    adapt: Adapt
    rates: Callable[[str], Rates | None]

    def candidate(self, name: str) -> Candidate:
        """The model as the study asked it; it answers what it answered then."""
        return Candidate(
            model=name,
            # Where it is not known any more the journal says where to look.
            upstream=self.upstreams.get(name, ""),
            adapt=self.adapt(name),
            ask=_never,
            slots=asyncio.Semaphore(_SLOTS),
            concurrency=0,
            rates=self.rates(name),
            asked_as=self.question.model_of(name),
        )

    def judges(self, task: PreparedTask) -> dict[str, Candidate]:
        """Who judges the task's answers, where a model does."""
        model = self.config.judge_of(task.name).model
        if task.choice.asked is None or model is None:
            return {}
        return {model: self.candidate(model)}


@dataclass(slots=True)
class _Answers:
    """The journal as a book to read: `Journal` of a run that asks nothing. An answer that came
    from elsewhere than the study named counts, as for a study that went on with another URL."""

    store: Store
    missed: bool = False
    places: dict[str, list[str]] = field(default_factory=dict)

    def get(self, key: JournalKey) -> JournalEntry | None:
        found = self.store.journal.get(key)
        if found is None:
            if key.model not in self.places:
                self.places[key.model] = self.store.journal.upstreams(key.model)
            others = (replace(key, upstream=u) for u in self.places[key.model])
            found = next((e for k in others if (e := self.store.journal.get(k)) is not None), None)
        return found

    def miss(self) -> None:
        """Note that something was wanted that is not there."""
        self.missed = True

    def begin(self, key: JournalKey, *_: object) -> None:
        raise StoreError(f"{key.model} was to be asked where nothing may be")

    def finish(self, key: JournalKey, *_: object) -> None:
        raise StoreError(f"{key.model} was asked where nothing may be")


@dataclass(frozen=True, slots=True)
class Recalled:
    """One task and candidate as measured, up to the first example that was never answered or
    never judged. ``pairs`` are in sampled order, with no grade applied yet."""

    task: PreparedTask
    candidate: str
    measured: tuple[Measurement, ...]
    pairs: tuple[Pair, ...]


def recall(memory: Memory, prepared: Sequence[PreparedTask]) -> list[list[Recalled]]:
    """Of each task that people grade its candidates, cheapest first, as far as they were
    measured."""
    ordered = sorted(memory.question.candidates, key=lambda name: price_order(memory.rates(name)))
    tasks = []
    for task in prepared:
        by_people = task.choice.asked is not None or not all(
            map(task.choice.judge.by_reference, task.examples)
        )
        if task.unfit is None and by_people:
            tasks.append([asyncio.run(_recalled(memory, task, name)) for name in ordered])
    return [measured for task in tasks if (measured := [r for r in task if r.measured])]


def rejudge(
    memory: Memory,
    task: PreparedTask,
    grades: Mapping[str, PairScore],
    only: str | None = None,
) -> Finding:
    """What a study of this task (with one candidate ``only``) comes to with these grades: the one
    that `study.run` would, were it run once more, had it nothing to ask."""
    question = memory.question
    answers = _Answers(memory.store)

    async def again() -> Finding:
        names = question.candidates if only is None else (only,)
        candidates = [memory.candidate(name) for name in names]
        baseline = memory.candidate(question.baseline) if question.floor and only is None else None
        helper = None if question.helper is None else memory.candidate(question.helper)
        (finding,) = await run(
            [task], candidates, _reading(answers), question, memory.config, grades,
            baseline, memory.judges(task), helper,
        )  # fmt: skip
        return finding

    finding = asyncio.run(again())
    result = finding.result
    if result.stopped is Stopped.BUDGET:
        result = replace(result, stopped=Stopped.UNANSWERED)
    if answers.missed and result.message is None and result.outcome is not Outcome.ROUTE:
        result = replace(result, message=UNANSWERED)
    return replace(finding, result=result)


async def _recalled(memory: Memory, task: PreparedTask, name: str) -> Recalled:
    """The answers of one candidate, paired, as far as the journal holds them."""
    paying = _reading(_Answers(memory.store))
    question, config = memory.question, memory.config
    candidate = memory.candidate(name)
    manner = Manner(question.repeats, failed_call=failed_call_of(task.name, config))
    measuring = Measuring(task.name, candidate, paying, manner)
    for example in task.examples:
        try:
            await measuring.measure([example])
        except BudgetError:
            break
    answered = measuring.answered(task.examples)
    whole = [(e, answered[e.id]) for e in task.examples[: len(answered)]]
    judging = judging_of(task, candidate, paying, question, config, memory.judges(task))
    pairs = []
    if judging is None:
        judge = task.choice.judge
        await score_ahead(
            judge,
            [
                (e, m.model, a.answer)
                for e, m in whole
                for a in (m, *m.more)
                if a.answer is not None and judge.by_reference(e)
            ],
        )
        pairs = [pair_up(e, question.baseline, m, judge, {}) for e, m in whole]
    else:
        for example, found in whole:
            try:
                await judging.judge([example], [found])
            except BudgetError:
                break
            pairs.append(judging.pair(example, found, {}))
        whole = whole[: len(pairs)]
    return Recalled(task, name, tuple(m for _, m in whole), tuple(pairs))


def _reading(answers: _Answers) -> Paying:
    return Paying("", answers, Budget(None), lambda *_: None, asks=False, missing=answers.miss)


async def _never(_: Mapping[str, Json]) -> Reply:
    raise StoreError("a model was to be asked where nothing may be")
