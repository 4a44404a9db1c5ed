"""Scores that take their time: many at once, each only once, and never in the event loop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from downroute.answers.openai_chat import answer_digest
from downroute.records import Answer, Example, Score
from downroute.study.pairs import Judge

ScoreOne = Callable[[Example, str, Answer], Score]
Asked = tuple[Example, str, Answer]
"""What `Judge.score` is asked: an example, a model, its answer."""


def remembered(score: ScoreOne) -> ScoreOne:
    """``score`` that is worked out once per example and answer, whoever gave it, within a run."""
    known: dict[tuple[str, str], Score] = {}

    def once(example: Example, model: str, answer: Answer) -> Score:
        key = (example.id, answer_digest(answer))
        if key not in known:
            known[key] = score(example, model, answer)
        return known[key]

    return once


def score_all(judge: Judge, asked: Sequence[Asked]) -> list[Score]:
    """The scores of ``asked`` in order; those of a slow judge side by side."""
    if not judge.slow:
        return [judge.score(*one) for one in asked]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(lambda one: judge.score(*one), asked))


async def score_ahead(judge: Judge, asked: Sequence[Asked]) -> None:
    """Let a slow judge score ``asked``, so that its scores are there when pairs are made."""
    if not judge.slow:
        return
    loop = asyncio.get_running_loop()
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        await asyncio.gather(*(loop.run_in_executor(pool, judge.score, *one) for one in asked))
    finally:
        # An interrupted study waits for the programs in flight only.
        pool.shutdown(wait=False, cancel_futures=True)
