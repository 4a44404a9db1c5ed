"""The floor: how far the baseline is from itself. No model can be expected to come closer to an
answer than the model that gave it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from downroute.errors import BudgetError, TaskStoppedError
from downroute.records import Example
from downroute.study.asking import Candidate, Paying
from downroute.study.measurement import Manner, Measuring
from downroute.study.prepared import PreparedTask
from downroute.study.result import Floor
from downroute.study.slow_scores import score_ahead

SHARE = 0.1
REPEAT = 1
"""The baseline's answer 0 is the one in the log, or what a file without answers was given."""


def floor_size(examples: int) -> int:
    """On how many of so many examples the baseline is asked again."""
    return math.ceil(SHARE * examples)


async def measure_floor(
    task: PreparedTask, baseline: Candidate, paying: Paying, measured: int
) -> Floor:
    """The baseline asked again on the first tenth of the ``measured`` examples, and how its new
    answers compare with its logged ones. A fault or the budget's end only makes it smaller; the
    verdict does not depend on it."""
    asked = task.examples[: floor_size(measured)]
    measuring = Measuring(task.name, baseline, paying, Manner(first=REPEAT))
    message = None
    try:
        await measuring.measure(asked)
    except (BudgetError, TaskStoppedError) as reason:
        message = str(reason)
    await measuring.finish()
    return await _compared(task, baseline.model, asked, measuring, message)


async def _compared(
    task: PreparedTask,
    model: str,
    asked: Sequence[Example],
    measuring: Measuring,
    message: str | None,
) -> Floor:
    judge = task.choice.judge
    found = measuring.answered(asked)
    answers = [
        (e, answer) for e in asked if e.id in found and (answer := found[e.id].answer) is not None
    ]
    await score_ahead(judge, [(e, model, a) for e, a in answers if judge.by_reference(e)])
    differ, gaps = 0, []
    for example, answer in answers:
        if not judge.by_reference(example):
            differ += not judge.same(example.baseline_answer, answer)
            continue
        first = judge.score(example, model, example.baseline_answer).value
        second = judge.score(example, model, answer).value
        if first is not None and second is not None:
            gaps.append(first - second)
    by_people = sum(not judge.by_reference(e) for e, _ in answers)
    return Floor(
        pairs=len(gaps) + by_people,
        differ=sum(g != 0 for g in gaps) + differ,
        gap=sum(gaps) / len(gaps) if gaps and not by_people else None,
        message=message,
    )
