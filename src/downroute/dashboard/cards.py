"""What a grading page shows, and what it asks of whoever hands the pairs out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from downroute.records import Answer, Json


@dataclass(frozen=True, slots=True)
class Card:
    """One pair of answers, blind. ``answers`` are A and B; ``None`` = the request was refused."""

    id: str
    task: str
    request: Mapping[str, Json]
    answers: tuple[Answer | None, Answer | None]
    rubric: str | None = None


@dataclass(frozen=True, slots=True)
class Sight:
    """What one grader sees. ``card`` is ``None`` once no grade is needed; ``given`` are this
    grader's grades; about ``least`` to ``more`` decide (``None``: nobody can tell), ``most`` at
    most."""

    card: Card | None
    given: int
    least: int
    more: int | None
    most: int
    can_undo: bool


class Desk(Protocol):
    """Hands out pairs. What a grader clicked is kept for good when a call returns.

    Raises:
        InputError: the grader was not shown this pair, or there is no such grade.
    """

    def sight(self, grader: str) -> Sight: ...
    def grade(self, grader: str, card_id: str, word: str) -> None: ...
    def skip(self, grader: str, card_id: str) -> None: ...
    def undo(self, grader: str) -> None: ...
