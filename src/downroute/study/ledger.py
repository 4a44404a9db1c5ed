"""A study's entry in the store's ledger: begun, interrupted, gone on with, finished."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

from downroute.records import Json
from downroute.store import Grade, Store
from downroute.study.pairs import PairScore
from downroute.study.result import TaskResult
from downroute.study.settings import StudySettings

RUNNING = "running"
INTERRUPTED = "interrupted"
OUT_OF_BUDGET = "budget reached"
FINISHED = "finished"


def begin_or_resume(
    store: Store, question: StudySettings, at: float, how: Mapping[str, Json] | None = None
) -> str:
    """The id of the study to write under: that of an unfinished one with the same question,
    whose spending then counts towards the budget, else a new one. ``how`` it is run is kept with
    it, for `recall`: ``upstreams`` whom the answers of each model come from, ``judge`` the one that
    the command line named, ``only`` the calls it may use."""
    identity = question.identity()
    kept = {**question.as_json(), **(how or {})}
    for study in reversed(store.ledger.studies()):
        if study.settings.get("identity") == identity:
            if study.status == FINISHED:
                break
            store.ledger.keep_settings(study.id, {**study.settings, **kept})
            return study.id
    return store.ledger.begin_study(kept, at=at)


def finish(
    store: Store,
    study_id: str,
    status: str,
    report: Mapping[str, Json],
    results: Sequence[TaskResult],
) -> None:
    """Enter the verdicts and how the study ended."""
    for result in results:
        store.ledger.add_verdict(study_id, result.task, result.as_json())
    store.ledger.finish_study(study_id, status, report)


def known_grades(store: Store) -> dict[str, PairScore]:
    """Every graded pair of the store with its mean grade over its graders."""
    by_pair: dict[str, list[PairScore]] = {}
    for grade in store.ledger.grades():
        by_pair.setdefault(grade.pair, []).append((float(grade.grade[0]), float(grade.grade[1])))
    return {pair: (fmean(b for b, _ in g), fmean(c for _, c in g)) for pair, g in by_pair.items()}


def add_grades(
    store: Store, grades: Iterable[tuple[str, str, PairScore]], grader: str, at: float
) -> int:
    """Enter (task, pair, scores) as given by ``grader``; how many."""
    return store.ledger.add_grades(
        Grade(task=task, pair=pair, grader=grader, grade=list(score), at=at)
        for task, pair, score in grades
    )
