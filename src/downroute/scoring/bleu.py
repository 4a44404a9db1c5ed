"""BLEU of the answer against the references."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Literal

from downroute.records import Answer, Json, Score
from downroute.scoring.extra import load, require
from downroute.scoring.scorer import require_share
from downroute.scoring.wording import same_wording, score_against_all

Tokenizer = Literal["13a", "intl", "zh", "char", "none"]


@dataclass(frozen=True, slots=True)
class Bleu:
    """0 to 1: sacrebleu's sentence BLEU / 100 (n-grams up to 4, effective order, exponential
    smoothing), against all references at once. ``tokenize``: ``13a`` (default), ``intl`` for other
    alphabets, ``zh``, ``char`` for scripts without spaces, ``none``. Rough on single sentences:
    ``chrf`` follows people's marks more closely. ``pass_at`` makes it 0 or 1.

    Raises:
        UsageError: sacrebleu is not installed, or ``pass_at`` is outside (0, 1].
    """

    name: ClassVar[str] = "bleu"
    needs_reference: ClassVar[bool] = True
    field: str | None = None
    tokenize: Tokenizer = "13a"
    case: bool = True
    pass_at: float | None = None

    def __post_init__(self) -> None:
        require(self.name, "sacrebleu", "text")
        require_share(self.pass_at)

    def score(self, answer: Answer, reference: Json, request: Mapping[str, Json]) -> Score:  # noqa: ARG002
        return score_against_all(answer, reference, self.field, self.pass_at, self._likeness)

    def same(self, first: Answer, second: Answer) -> bool:
        return same_wording(first, second, self.field, str.split)

    def _likeness(self, said: str, wanted: Sequence[str]) -> float:
        metric = _metric(self.tokenize, self.case)
        return float(metric.sentence_score(said, list(wanted)).score) / 100


@lru_cache(maxsize=8)
def _metric(tokenize: str, case: bool) -> Any:
    return load("sacrebleu").BLEU(tokenize=tokenize, lowercase=not case, effective_order=True)
