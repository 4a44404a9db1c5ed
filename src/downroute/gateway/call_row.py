"""One call as the event loop leaves it, and as the store takes it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

from downroute.answers.openai_chat import answer_from_completion
from downroute.gateway import json_text
from downroute.gateway.chat_body import ChatBody
from downroute.gateway.sse import completion_from_kept
from downroute.records import Answer, Attempt, Call, Usage
from downroute.routing.fingerprint import fingerprint

SOURCE = "gateway"

Pricing = Callable[[str, Usage], float | None]


@dataclass(frozen=True, slots=True)
class CallRow:
    """``call`` lacks what takes time: its words, its fingerprint and costs not yet known.
    ``answer`` is the accepted reply, a whole body or a stream's chunks; ``None`` where words are
    not kept."""

    call: Call
    request: ChatBody
    answer: bytes | list[bytes] | None = None

    @property
    def size(self) -> int:
        """About how many bytes it holds."""
        answer = self.answer or b""
        return self.request.size + (
            len(answer) if isinstance(answer, bytes) else sum(map(len, answer))
        )


def finished_call(row: CallRow, pricing: Pricing, *, keep_words: bool) -> Call:
    """The call as the store takes it."""
    attempts = tuple(_priced(attempt, pricing) for attempt in row.call.attempts)
    return dataclasses.replace(
        row.call,
        fingerprint=fingerprint(row.request),
        attempts=attempts,
        cost_usd=total_cost_usd(attempts),
        request=dict(row.request) if keep_words else None,
        answer=_answer(row.answer) if keep_words else None,
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
    return dataclasses.replace(attempt, cost_usd=pricing(attempt.model, attempt.usage))


def _answer(reply: bytes | list[bytes] | None) -> Answer | None:
    if reply is None:
        return None
    if isinstance(reply, list):
        return answer_from_completion(completion_from_kept(reply))
    try:
        return answer_from_completion(json_text.decode(reply))
    except (ValueError, AttributeError):
        return None
