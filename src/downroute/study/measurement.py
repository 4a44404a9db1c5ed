"""Asking a candidate for its answers: concurrently, one `asking` for each."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from downroute.answers.openai_chat import answer_from_completion, usage_from_completion
from downroute.errors import BudgetError, DownrouteError, TaskStoppedError
from downroute.records import Example, Measurement, Purpose, Score
from downroute.store.journal import JournalEntry
from downroute.study.asking import AskingOnce, Candidate, Paying
from downroute.study.bodies import answer_bodies
from downroute.study.faults import refused_for_content
from downroute.study.plan import estimate_usd


@dataclass(frozen=True, slots=True)
class Manner:
    """How examples are asked: ``repeats`` times each, counted from ``first``; ``failed_call``
    says what a call is that never came through: ``unscored``, or ``fail`` = a failed answer.
    ``logprobs``: log probabilities are asked for, where the upstream gives them."""

    repeats: int = 1
    first: int = 0
    failed_call: str = "unscored"
    logprobs: bool = False


class Measuring:
    """One task measured with one candidate, batch after batch.

    Until one call was answered properly examples are asked one at a time, so that a fault common
    to all costs at most a handful of calls.
    """

    def __init__(
        self, task: str, candidate: Candidate, paying: Paying, manner: Manner | None = None
    ):
        self._task = task
        self._manner = manner or Manner()
        self._candidate = candidate
        self._paying = paying
        self._asking = AskingOnce(candidate, Purpose.ANSWER, paying, logprobs=self._manner.logprobs)
        self._faults = self._asking.faults
        self._asked: dict[str, asyncio.Task[Measurement | None]] = {}
        self._stopped: DownrouteError | None = None

    async def measure(
        self, examples: Sequence[Example], ahead: Sequence[Example] = ()
    ) -> list[Measurement]:
        """The candidate's answers to ``examples``, in their order, not yet scored.

        ``ahead`` are started as soon as nothing of ``examples`` waits for a slot any more, so
        that the slots are not idle while the slowest calls come in.

        Raises:
            BudgetError: the budget is reached; what was measured is in the journal.
            TaskStoppedError: every call fails the same way.
        """
        for example in examples:
            if not self._faults.proven and self._stopped is None:
                await self._start(example)
        found = [self._start(example) for example in examples]
        for example in ahead if self._stopped is None else ():
            self._start(example)
        answers = [a for a in await asyncio.gather(*found) if a is not None]
        # A stop that only met what was asked ahead is none of this batch's business: it is whole.
        if self._stopped is not None and len(answers) < len(found):
            raise self._stopped
        return answers

    def answered(self, examples: Sequence[Example]) -> dict[str, Measurement]:
        """What has come in of ``examples``, by example id."""
        found = {e.id: self._asked[e.id] for e in examples if e.id in self._asked}
        done = {i: task.result() for i, task in found.items() if task.done()}
        return {i: answer for i, answer in done.items() if answer is not None}

    async def finish(self) -> None:
        """Send nothing more, and await what is in flight: it is being paid."""
        self._stopped = self._stopped or TaskStoppedError(f"{self._task}: over")
        await asyncio.gather(*self._asked.values())

    def _start(self, example: Example) -> asyncio.Task[Measurement | None]:
        if example.id not in self._asked:
            self._asked[example.id] = asyncio.ensure_future(self._one(example))
        return self._asked[example.id]

    async def _one(self, example: Example) -> Measurement | None:
        async with self._candidate.slots:
            if self._stopped is not None:
                return None
            try:
                return await self._all_repeats(example)
            except (BudgetError, TaskStoppedError) as reason:
                self._stopped = reason
                return None
            except asyncio.CancelledError:
                # Said before the slot is free, so that nothing that waits for it is sent.
                self._stopped = TaskStoppedError("interrupted")
                raise

    async def _all_repeats(self, example: Example) -> Measurement:
        answers = []
        bodies = answer_bodies(example.request)
        estimate = estimate_usd(example, self._candidate.rates)
        for repeat in range(self._manner.first, self._manner.first + self._manner.repeats):
            entry = await self._asking.entry(bodies, estimate, repeat)
            answers.append(
                measurement(example, self._candidate.model, entry, self._manner.failed_call)
            )
        self._paying.progress(self._task, self._candidate.model)
        first, *more = answers
        return replace(first, more=tuple(more))


def measurement(
    example: Example, model: str, entry: JournalEntry, failed_call: str = "unscored"
) -> Measurement:
    """A journalled reply as a measurement. A request the upstream refused for what it says is a
    failed answer; a call that never came through says nothing of the model and stays unscored,
    unless ``failed_call`` is ``fail``."""
    answer = None
    snapshot = None
    if entry.error is None and entry.body is not None:
        answer = answer_from_completion(entry.body)
        named = entry.body.get("model")
        snapshot = named if isinstance(named, str) else None
        score = Score.unscored("not scored yet")
    elif refused_for_content(entry.status):
        score = Score(0.0, f"the request was refused: {entry.error}")
    elif failed_call == "fail":
        score = Score(0.0, f"the call failed: {entry.error}")
    else:
        score = Score.unscored(entry.error or "no answer")
    return Measurement(
        example_id=example.id,
        model=model,
        answer=answer,
        score=score,
        usage=entry.usage if entry.body is None else usage_from_completion(entry.body),
        cost_usd=entry.cost_usd,
        latency_s=entry.latency_s,
        unanswered=entry.unanswered,
        error=entry.error,
        snapshot=snapshot,
    )
