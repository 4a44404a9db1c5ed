"""What earlier studies measured, read from the store as trials; nothing is asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from downroute.answers.agreement import agreement
from downroute.cli.pricing import price_table
from downroute.cli.study_asking import adapter
from downroute.config import Settings
from downroute.errors import UsageError
from downroute.prompts import digest
from downroute.records import Example, Measurement, Purpose
from downroute.store import Store
from downroute.store.journal import JournalKey
from downroute.study.bodies import answer_bodies
from downroute.study.ledger import known_grades
from downroute.study.measured import measured_trial
from downroute.study.measurement import measurement
from downroute.study.pairs import pair_up
from downroute.study.preparation import prepare
from downroute.study.prepared import PreparedTask
from downroute.study.recorded import Price
from downroute.study.settings import StudySettings
from downroute.study.trial import Bools, Trial

EVERYTHING = 1_000_000
"""So many examples are drawn that every measured one is among them."""


def stored_trials(
    folder: Path,
    settings: Settings,
    price: Price,
    baseline: str,
    candidate: str,
    tasks: tuple[str, ...],
    scorer: str | None,
) -> Iterator[tuple[str, Trial, Bools, Counter[str]]]:
    """Every task that a study has measured with ``candidate``.

    Raises:
        UsageError: none was measured.
    """
    question = StudySettings(
        baseline, (candidate,), tasks=tasks, scorer=scorer, examples=EVERYTHING
    )
    with Store.open(folder, create=False) as store:
        store.calls.fill_missing_costs(price)
        some = False
        for task in prepare(store, question, settings, price_table(settings).rates):
            found = _measured(store, task, settings, candidate)
            if not found:
                continue
            grades = known_grades(store)
            by_id = {m.example_id: m for m in found}
            examples = [e for e in task.examples if e.id in by_id]
            pairs = [pair_up(e, baseline, by_id[e.id], task.choice.judge, grades) for e in examples]
            trial = measured_trial(pairs, examples, found, {}, {})
            if trial is None:
                continue
            some = True
            known = {p.example_id for p in trial.pairs}
            differs = np.array(
                [_differs(e, by_id[e.id]) for e in examples if e.id in known], dtype=bool
            )
            left_out = Counter(
                p.unscored or "to be graded" for p in pairs if p.example_id not in known
            )
            yield task.name, trial, differs, left_out
    if not some:
        raise UsageError(
            f"no task in {folder} was measured with '{candidate}'; run `downroute study` first, or "
            "name recordings"
        )


def _differs(example: Example, measured: Measurement) -> bool:
    assert measured.answer is not None
    return agreement(example.baseline_answer, measured.answer) != 1.0


def _measured(
    store: Store, task: PreparedTask, settings: Settings, candidate: str
) -> list[Measurement]:
    """What the journal holds of ``candidate``, whichever upstream it was asked at."""
    adapt = adapter(candidate, settings)
    found = []
    for example in task.examples:
        asked = [digest(adapt(body)) for body in answer_bodies(example.request)]
        for upstream in store.journal.upstreams(candidate):
            keys = (JournalKey(upstream, candidate, body, Purpose.ANSWER, 0) for body in asked)
            entries = (entry for key in keys if (entry := store.journal.get(key)) is not None)
            entry = next((e for e in entries if e.error is None), None)
            if entry is not None:
                found.append(measurement(example, candidate, entry))
                break
    return found
