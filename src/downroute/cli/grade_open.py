"""A study of the store, opened for grading: its tasks, its answers, its desk."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from downroute.cli.pricing import price_table
from downroute.cli.study_asking import adapter
from downroute.cli.study_system import after
from downroute.config import Settings
from downroute.errors import UsageError
from downroute.records import Json
from downroute.store import Store, StudyRecord
from downroute.study.grading_desk import GradingDesk
from downroute.study.preparation import prepare
from downroute.study.prepared import PreparedTask
from downroute.study.recall import Memory, Recalled, recall
from downroute.study.settings import StudySettings
from downroute.study.terms import margin_of


@dataclass(frozen=True, slots=True)
class Remembered:
    """A study of the store as it can be run again on the store alone; ``settings`` are those it
    was run with, its judge included."""

    settings: Settings
    record: StudyRecord
    question: StudySettings
    prepared: Sequence[PreparedTask]
    memory: Memory


@dataclass(frozen=True, slots=True)
class Opened:
    """A study whose pairs can be graded; ``settings`` are those it was run with, its judge
    included."""

    settings: Settings
    record: StudyRecord
    question: StudySettings
    prepared: Sequence[PreparedTask]
    memory: Memory
    tasks: Sequence[Sequence[Recalled]]
    desk: GradingDesk


def open_study(
    store: Store,
    settings: Settings,
    study: str | None,
    names: Sequence[str],
    graders: Sequence[str],
) -> Opened:
    """The ``study`` of this id, else the latest, with its tasks of these ``names``, else all.

    Raises:
        UsageError: there is none, or nothing in it is for people.
    """
    found = remember(store, settings, study, names)
    tasks = recall(found.memory, found.prepared)
    if not tasks:
        raise UsageError(
            f"study {found.record.id} measured nothing that people grade; its tasks are scored by "
            "rules and references, or the log or settings have changed since: run `downroute "
            "study` again"
        )
    desk = GradingDesk(found.memory, tasks, graders)
    return Opened(
        found.settings, found.record, found.question, found.prepared, found.memory, tasks, desk
    )


def remember(
    store: Store, settings: Settings, study: str | None, names: Sequence[str]
) -> Remembered:
    """The ``study`` of this id, else the latest, with its tasks of these ``names``, else all.

    Raises:
        UsageError: there is none.
    """
    record = _study(store, study)
    question = StudySettings.from_json(record.settings)
    settings = settings.with_judge(record.settings.get("judge"), ())
    memory = _memory(store, settings, record, question)
    only = record.settings.get("only")
    prepared = [
        t
        for t in prepare(
            store, question, settings, memory.rates, None if only is None else frozenset(only)
        )
        if (not names or t.name in names)
        and t.worth_measuring(question, margin_of(t.name, question, settings))
    ]
    return Remembered(settings, record, question, prepared, memory)


def _memory(
    store: Store, settings: Settings, record: StudyRecord, question: StudySettings
) -> Memory:
    prices = price_table(settings)

    def adapted(name: str) -> Callable[[Mapping[str, Json]], Mapping[str, Json]]:
        # The baseline and a judge are asked as they are, whatever prompt the candidates get.
        system = question.system if name in question.candidates else None
        return after(adapter(question.model_of(name), settings), system)

    return Memory(
        store=store,
        question=question,
        config=settings,
        upstreams=record.settings.get("upstreams") or {},
        adapt=adapted,
        rates=lambda name: prices.rates(question.model_of(name)),
    )


def _study(store: Store, wanted: str | None) -> StudyRecord:
    if wanted is not None:
        found = store.ledger.study(wanted)
        if found is None:
            known = ", ".join(s.id for s in store.ledger.studies()) or "none"
            raise UsageError(f"there is no study {wanted!r}; there are: {known}")
        return found
    studies = store.ledger.studies()
    if not studies:
        raise UsageError("there is no study yet; run `downroute study` first")
    return studies[-1]
