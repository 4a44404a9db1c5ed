"""One answer to one request, read: what several signals look at is found once."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from downroute.once import once
from downroute.prompts import content_text, messages
from downroute.records import Answer, Json, TokenLogprob

if TYPE_CHECKING:
    from downroute.answers.final_value import FinalValue

Request = Mapping[str, Json]

LONGEST = 100_000
"""Characters of a question that patterns are searched in."""
_NUMBER = re.compile(r"[0-9][0-9.,]*")
_UNKNOWN_BELOW = -9000.0
"""OpenAI sends −9999 for a probability that it does not know."""


class Reading:
    """Everything is read when it is first asked for."""

    def __init__(self, answer: Answer, request: Request) -> None:
        self.answer = answer
        self.request = request
        self.text = answer.text or ""

    @once
    def words(self) -> list[str]:
        return self.text.split()

    @once
    def final(self) -> FinalValue:
        from downroute.answers.final_value import final_value

        return final_value(self.answer)

    @once
    def final_text(self) -> str:
        return (self.final.text or "").strip()

    @once
    def question(self) -> str:
        """The last message of the user."""
        sent = self.request.get("messages")
        for message in reversed(sent if isinstance(sent, (list, tuple)) else ()):
            if isinstance(message, (dict, Mapping)) and message.get("role") == "user":
                return content_text(message.get("content"))
        return ""

    @once
    def question_words(self) -> list[str]:
        return self.question.split()

    @once
    def question_numbers(self) -> list[str]:
        """The numbers written in it, as they are written."""
        return _NUMBER.findall(self.question[:LONGEST])

    @once
    def prompt_words(self) -> int:
        """Words in all messages."""
        return sum(count_words(content_text(m.get("content"))) for m in messages(self.request))

    @once
    def word_count(self) -> int:
        """Words in the answer."""
        counted = _counted_spaces(self.text)
        return len(self.words) if counted is None else counted

    @once
    def question_word_count(self) -> int:
        counted = _counted_spaces(self.question)
        return len(self.question_words) if counted is None else counted

    @once
    def tokens(self) -> Sequence[TokenLogprob]:
        """The tokens that spell the part of the answer that is compared."""
        tokens = self.answer.logprobs or ()
        if len(tokens) < 2:
            return tokens
        from downroute.answers.span import answer_span, spelling

        return spelling(tokens, self.text, answer_span(self.text))

    @once
    def logprobs(self) -> list[float]:
        """Their known log probabilities."""
        return [p for p in [t.logprob for t in self.tokens] if _UNKNOWN_BELOW < p < math.inf]


def count_words(text: str) -> int:
    """``len(text.split())``."""
    counted = _counted_spaces(text)
    return len(text.split()) if counted is None else counted


def _counted_spaces(text: str) -> int | None:
    """The words of ``text`` where all white space is single spaces, counted without making them;
    else ``None``. No other white space is printable."""
    if not text.isprintable() or "  " in text:
        return None
    return text.count(" ") + 1 - text.startswith(" ") - text.endswith(" ") if text else 0


def is_known(logprob: float) -> bool:
    return _UNKNOWN_BELOW < logprob < math.inf
