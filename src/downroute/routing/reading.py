"""One answer to one request, read: what several signals look at is found once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property

from downroute.answers.final_value import FinalValue, final_value
from downroute.answers.span import answer_span, spelling
from downroute.prompts import content_text, messages
from downroute.records import Answer, Json, TokenLogprob

Request = Mapping[str, Json]

_UNKNOWN_BELOW = -9000.0
"""OpenAI sends −9999 for a probability that it does not know."""


class Reading:
    """Everything is read when it is first asked for."""

    def __init__(self, answer: Answer, request: Request) -> None:
        self.answer = answer
        self.request = request

    @cached_property
    def text(self) -> str:
        return self.answer.text or ""

    @cached_property
    def words(self) -> list[str]:
        return self.text.split()

    @cached_property
    def final(self) -> FinalValue:
        return final_value(self.answer)

    @cached_property
    def final_text(self) -> str:
        return (self.final.text or "").strip()

    @cached_property
    def question(self) -> str:
        """The last message of the user."""
        sent = self.request.get("messages")
        for message in reversed(sent if isinstance(sent, (list, tuple)) else ()):
            if isinstance(message, Mapping) and message.get("role") == "user":
                return content_text(message.get("content"))
        return ""

    @cached_property
    def question_words(self) -> list[str]:
        return self.question.split()

    @cached_property
    def prompt_words(self) -> int:
        """Words in all messages."""
        return sum(len(content_text(m.get("content")).split()) for m in messages(self.request))

    @cached_property
    def tokens(self) -> Sequence[TokenLogprob]:
        """The tokens that spell the part of the answer that is compared."""
        tokens = self.answer.logprobs or ()
        return spelling(tokens, self.text, answer_span(self.text)) if len(tokens) > 1 else tokens

    @cached_property
    def logprobs(self) -> list[float]:
        """Their known log probabilities."""
        return [t.logprob for t in self.tokens if is_known(t.logprob)]


def is_known(logprob: float) -> bool:
    return math.isfinite(logprob) and logprob > _UNKNOWN_BELOW
