"""One call of a study, whatever its purpose: journalled before and after, within the budget, and
never paid twice.

What was asked stands in the journal before the request leaves, what came back before it is used.
A run that was killed therefore repeats at most the calls that were in flight; those are counted
as possibly paid.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from downroute.errors import BudgetError
from downroute.money.rates import Rates, cost_usd
from downroute.prompts import digest
from downroute.providers.replies import Reply
from downroute.records import Json, Purpose
from downroute.store.journal import JournalEntry, JournalKey
from downroute.study.bodies import Bodies, refuses_logprobs
from downroute.study.budget import Budget
from downroute.study.faults import FaultRun, refused_for_content

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
class Paying:
    """What all measuring of one study shares."""

    study_id: str
    journal: Journal
    budget: Budget
    progress: Callable[[str, str], None]
    """Called with task and model after each answer."""
    asks: bool = True
    """Whether what the journal lacks is asked; where not, nothing is sent and nothing is paid."""
    missing: Callable[[], None] = lambda: None
    """Called where something is not asked that the journal lacks."""


class AskingOnce:
    """One model asked for one purpose, each body once: from the journal where that has it, where
    it was asked for one of the purposes ``also``, too."""

    def __init__(
        self,
        asked: Candidate,
        purpose: Purpose,
        paying: Paying,
        *,
        logprobs: bool,
        also: Sequence[Purpose] = (),
    ):
        self._candidate = asked
        self._purpose = purpose
        self._also = also
        self._paying = paying
        self._logprobs = logprobs
        self.faults = FaultRun(asked.asked_as or asked.model)

    async def entry(self, bodies: Bodies, estimate: float | None, repeat: int = 0) -> JournalEntry:
        """What is answered to the first of ``bodies`` that is answered already; else to the first
        that is to be asked. Without log probabilities it is the last alone that is.

        Raises:
            BudgetError: the budget does not allow it; nothing was sent.
            TaskStoppedError: every call fails the same way.
        """
        sent = [self._candidate.adapt(body) for body in bodies]
        keys = [self._key(body, repeat, self._purpose) for body in sent]
        others = [self._key(body, repeat, p) for p in self._also for body in sent]
        entry = known([*others, *keys], self._paying)
        if entry is not None:
            self.faults.proven = self.faults.proven or entry.error is None
            return entry
        last = len(sent) - 1
        for at in range(0 if self._logprobs else last, len(sent)):
            entry, reply = await ask_and_pay(
                keys[at], sent[at], estimate, self._candidate, self._paying
            )
            if at < last and refuses_logprobs(reply.status, reply.error):
                self._logprobs = False
                continue
            break
        assert entry is not None
        self.faults.see(reply)
        return entry

    def _key(self, body: Mapping[str, Json], repeat: int, purpose: Purpose) -> JournalKey:
        return JournalKey(
            upstream=self._candidate.upstream,
            model=self._candidate.asked_as or self._candidate.model,
            request_digest=digest(body),
            purpose=purpose,
            repeat=repeat,
        )


def known(keys: Sequence[JournalKey], paying: Paying) -> JournalEntry | None:
    """What need not be asked any more, under the first of ``keys`` that has it; ``None`` = ask.

    Raises:
        BudgetError: it was never asked, and now nothing is.
    """
    found = []
    for at, key in enumerate(keys):
        entry = paying.journal.get(key)
        refused = entry is not None and refuses_logprobs(entry.status, entry.error)
        # What was refused for its log probabilities has its answer under a later key.
        if entry is not None and not (refused and at + 1 < len(keys)):
            found.append(entry)
    good = next((entry for entry in found if not worth_asking_again(entry)), None)
    if good is not None or paying.asks:
        return good
    if not found:
        paying.missing()
        raise BudgetError(UNANSWERED)
    return found[0]


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


def worth_asking_again(entry: JournalEntry) -> bool:
    """A fault that may have passed since: nothing was answered, so nothing was paid."""
    return entry.error is not None and not refused_for_content(entry.status)
