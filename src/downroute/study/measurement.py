"""Asking a candidate for its answers: concurrently, within the budget, never twice.

What was asked stands in the journal before the request leaves, what came back before it is used.
A run that was killed therefore repeats at most the calls that were in flight; those are counted
as possibly paid.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from downroute.answers.openai_chat import answer_from_completion, usage_from_completion
from downroute.errors import BudgetError, DownrouteError, TaskStoppedError
from downroute.money.rates import Rates, cost_usd
from downroute.prompts import canonical_request, digest
from downroute.providers.replies import Reply
from downroute.records import Example, Json, Measurement, Purpose, Score
from downroute.store.journal import JournalEntry, JournalKey
from downroute.study.budget import Budget
from downroute.study.faults import FaultRun, refused_for_content
from downroute.study.plan import estimate_usd

Ask = Callable[[Mapping[str, Json]], Awaitable[Reply]]

UNANSWERED = "not all of its answers are there; run the same study again to go on"


class Journal(Protocol):
    """Where it is written what is asked and what came back (`store.journal`)."""

    def get(self, key: JournalKey) -> JournalEntry | None: ...
    def begin(self, key: JournalKey, study_id: str, estimated_cost_usd: float | None) -> None: ...
    def finish(self, key: JournalKey, entry: JournalEntry) -> None: ...


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model as a study asks it: ``adapt`` gives the request body it is sent, ``ask`` sends it,
    ``slots`` bounds how many calls its upstream is sent at a time, which is ``concurrency``."""

    model: str
    upstream: str
    adapt: Callable[[Mapping[str, Json]], Mapping[str, Json]]
    ask: Ask
    slots: asyncio.Semaphore
    concurrency: int
    rates: Rates | None
    asked_as: str | None = None
    """What the journal knows it by, where ``model`` says more, such as a changed prompt."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How examples are asked: ``repeats`` times each, counted from ``first``; ``failed_call``
    says what a call is that never came through: ``unscored``, or ``fail`` = a failed answer."""

    repeats: int = 1
    first: int = 0
    failed_call: str = "unscored"


@dataclass(frozen=True, slots=True)
class Paying:
    """What all measuring of one study shares."""

    study_id: str
    journal: Journal
    budget: Budget
    progress: Callable[[str, str], None]
    """Called with task and model after each answer."""
    asks: bool = True
    """Whether what the journal lacks is asked; where not, nothing is sent and nothing is paid."""


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
        self._faults = FaultRun(candidate.model)
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
        for repeat in range(self._manner.first, self._manner.first + self._manner.repeats):
            entry = await _answer(example, repeat, self._candidate, self._paying, self._faults)
            answers.append(
                measurement(example, self._candidate.model, entry, self._manner.failed_call)
            )
        self._paying.progress(self._task, self._candidate.model)
        first, *more = answers
        return replace(first, more=tuple(more))


async def _answer(
    example: Example, repeat: int, candidate: Candidate, paying: Paying, faults: FaultRun
) -> JournalEntry:
    body = candidate.adapt(canonical_request(example.request))
    key = JournalKey(
        upstream=candidate.upstream,
        model=candidate.asked_as or candidate.model,
        request_digest=digest(body),
        purpose=Purpose.ANSWER,
        repeat=repeat,
    )
    entry = known(key, paying)
    if entry is None:
        return await _ask(key, body, example, candidate, paying, faults)
    faults.proven = faults.proven or entry.error is None
    return entry


async def _ask(
    key: JournalKey,
    body: Mapping[str, Json],
    example: Example,
    candidate: Candidate,
    paying: Paying,
    faults: FaultRun,
) -> JournalEntry:
    estimate = estimate_usd(example, candidate.rates)
    entry, reply = await ask_and_pay(key, body, estimate, candidate, paying)
    faults.see(reply)
    return entry


def known(key: JournalKey, paying: Paying) -> JournalEntry | None:
    """What need not be asked any more; ``None`` = ask.

    Raises:
        BudgetError: it was never asked, and now nothing is.
    """
    entry = paying.journal.get(key)
    if paying.asks:
        return None if entry is None or worth_asking_again(entry) else entry
    if entry is None:
        raise BudgetError(UNANSWERED)
    return entry


async def ask_and_pay(
    key: JournalKey,
    body: Mapping[str, Json],
    estimate: float | None,
    asked: Candidate,
    paying: Paying,
) -> tuple[JournalEntry, Reply]:
    """One call, whatever its purpose: journalled before and after, within the budget.

    Raises:
        BudgetError: the budget does not allow it; nothing was sent.
    """
    aside = paying.budget.reserve(estimate)
    cost: float | None = None
    possibly_paid = 0.0
    try:
        paying.journal.begin(key, paying.study_id, estimate)
        reply = await asked.ask(body)
        # A call that failed upstream is not billed; an answered one costs its tokens.
        cost = 0.0 if reply.error is not None else cost_usd(reply.usage, asked.rates)
        entry = JournalEntry(
            body=reply.body,
            usage=reply.usage,
            cost_usd=cost,
            latency_s=reply.latency_s,
            status=reply.status,
            error=reply.error,
            tries=reply.tries,
            unanswered=reply.unanswered_tries,
        )
        paying.journal.finish(key, entry)
        possibly_paid = (estimate or 0.0) * reply.unanswered_tries
    finally:
        paying.budget.settle(aside, estimate, (cost or 0.0) + possibly_paid)
    return entry, reply


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
        error=entry.error,
        snapshot=snapshot,
    )


def worth_asking_again(entry: JournalEntry) -> bool:
    """A fault that may have passed since: nothing was answered, so nothing was paid."""
    return entry.error is not None and not refused_for_content(entry.status)
