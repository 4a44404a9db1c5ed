"""One call as the event loop leaves it, and as the store takes it."""

from __future__ import annotations

import time
from collections.abc import Callable

from msgspec import structs

from downroute.answers.openai_chat import answer_from_completion
from downroute.gateway.known_mark import known_mark
from downroute.gateway.question_sample import QuestionSample
from downroute.gateway.telemetry.trace_context import Trace
from downroute.gateway.wire import Body, Kept, Wire
from downroute.records import Answer, Attempt, Call, Decision, Purpose, Usage

SOURCE = "gateway"

_JUDGED = frozenset({Decision.ACCEPTED, Decision.ESCALATED, Decision.FALLBACK})

Pricing = Callable[[str, Usage], float | None]


class CallRow:
    """``call`` lacks what takes time: its words, its fingerprint and costs not yet known.
    ``answer`` is the accepted reply, a whole body or a stream's chunks; ``None`` where words are
    not kept. ``others`` are the replies of attempts that were not sent, by attempt. ``usual_usd``
    is what such a request costs on the route's baseline, where another model may answer it."""

    __slots__ = ("answer", "call", "others", "request", "trace", "usual_usd", "wire")

    def __init__(
        self,
        call: Call,
        wire: Wire,
        request: Body,
        answer: Kept | None = None,
        others: tuple[tuple[int, Kept], ...] = (),
        trace: Trace | None = None,
        usual_usd: float | None = None,
    ) -> None:
        self.call = call
        self.wire = wire
        self.request = request
        self.answer = answer
        self.others = others
        self.trace = trace
        self.usual_usd = usual_usd

    @property
    def size(self) -> int:
        """About how many bytes it holds."""
        whole = self.request.size
        if self.answer is None and not self.others:
            return whole
        replies = [self.answer or b"", *(reply for _, reply in self.others)]
        return whole + sum(
            len(reply) if isinstance(reply, bytes) else sum(map(len, reply)) for reply in replies
        )


def finished_call(
    row: CallRow, pricing: Pricing, sample: QuestionSample, *, keep_words: bool
) -> Call:
    """The call as the store takes it; of a judged one in the ``sample`` with the numbers about its
    question."""
    attempts = row.call.attempts
    if any(attempt.cost_usd is None for attempt in attempts):
        attempts = tuple([_priced(attempt, pricing) for attempt in attempts])
    if keep_words and row.others:
        said = {index: _answer(row.wire, reply) for index, reply in row.others}
        attempts = tuple(
            structs.replace(attempt, answer=said.get(index))
            for index, attempt in enumerate(attempts)
        )
    judged = row.call.decision in _JUDGED and attempts
    if judged and sample.takes(row.call.started_at):
        first = next((i for i, a in enumerate(attempts) if a.purpose is Purpose.ANSWER), 0)
        told = _with_features(attempts[first], row.request)
        attempts = (*attempts[:first], told, *attempts[first + 1 :])
    return structs.replace(
        row.call,
        fingerprint=known_mark(row.request),
        attempts=attempts,
        cost_usd=total_cost_usd(attempts),
        request=dict(row.request) if keep_words else None,
        answer=_answer(row.wire, row.answer) if keep_words else None,
    )


def total_cost_usd(attempts: tuple[Attempt, ...] | list[Attempt]) -> float | None:
    """What all attempts cost together; ``None`` where one is not known."""
    total = 0.0
    for attempt in attempts:
        if attempt.cost_usd is None:
            return None
        total += attempt.cost_usd
    return total


def _priced(attempt: Attempt, pricing: Pricing) -> Attempt:
    if attempt.cost_usd is not None:
        return attempt
    return structs.replace(attempt, cost_usd=pricing(attempt.model, attempt.usage))


def _with_features(attempt: Attempt, request: Body) -> Attempt:
    """The first attempt with what is known of the question: numbers, none of its words, by which
    escalations are told apart later."""
    from downroute.routing.question import QUESTION
    from downroute.routing.signals import signals

    features = signals(Answer(), request, QUESTION)
    # That took long enough for the event loop to want the interpreter.
    time.sleep(0)
    return structs.replace(attempt, signals={**features, **attempt.signals})


def _answer(wire: Wire, kept: Kept | None) -> Answer | None:
    completion = None if kept is None else wire.kept_completion(kept)
    return None if completion is None else answer_from_completion(completion)
