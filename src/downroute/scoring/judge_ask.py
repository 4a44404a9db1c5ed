"""A judge asked: the thin shell between a question and its verdict."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from downroute.records import Json, Score
from downroute.scoring.judge_question import Question
from downroute.scoring.judge_reply import read_verdict


@dataclass(frozen=True, slots=True)
class Heard:
    """What came back from a judge's upstream: its ``text``, or the ``error`` in one line;
    ``refuses_format`` where what it refuses is the structured reply that was asked for."""

    text: str | None = None
    error: str | None = None
    refuses_format: bool = False


Ask = Callable[[Mapping[str, Json], int], Awaitable[Heard]]
"""A chat request, with the number of its repeat → what came back."""


class Judge:
    """Asks by ``ask``, for structured replies until the upstream says that it knows no such
    thing; from then on replies are only read strictly."""

    def __init__(self, ask: Ask):
        self._ask = ask
        self._structured = True

    async def verdict(self, question: Question, repeat: int = 0) -> Score:
        """The judge's score, or unscored with the reason."""
        if self._structured:
            heard = await self._ask(question.body(structured=True), repeat)
            if not heard.refuses_format:
                return _score(heard, question)
            self._structured = False
        return _score(await self._ask(question.body(structured=False), repeat), question)


def _score(heard: Heard, question: Question) -> Score:
    if heard.error is not None:
        return Score.unscored(f"the judge did not answer: {heard.error}")
    return read_verdict(heard.text, question)
