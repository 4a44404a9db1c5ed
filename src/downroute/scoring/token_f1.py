"""How many words the answer shares with the reference, in any order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from downroute.answers.words import answer_words
from downroute.records import Answer, Json, Score
from downroute.scoring.scorer import require_share
from downroute.scoring.wording import same_wording, score_wording


@dataclass(frozen=True, slots=True)
class TokenF1:
    """0 to 1: F1 of the words that answer and reference share, as SQuAD counts them: case,
    punctuation and articles do not count, order does not either; scripts without spaces are
    compared by character. Of several references the nearest counts. ``pass_at`` makes it 0 or 1.

    Raises:
        UsageError: ``pass_at`` is outside (0, 1].
    """

    name: ClassVar[str] = "token_f1"
    needs_reference: ClassVar[bool] = True
    field: str | None = None
    pass_at: float | None = None

    def __post_init__(self) -> None:
        require_share(self.pass_at)

    def score(self, answer: Answer, reference: Json, request: Mapping[str, Json]) -> Score:  # noqa: ARG002
        return score_wording(answer, reference, self.field, self.pass_at, _f1)

    def same(self, first: Answer, second: Answer) -> bool:
        return same_wording(first, second, self.field, answer_words)


def _f1(said: str, wanted: str) -> float | None:
    words, wanted_words = answer_words(said), answer_words(wanted)
    if not wanted_words:
        return None
    shared = (Counter(words) & Counter(wanted_words)).total()
    return 2 * shared / (len(words) + len(wanted_words))
