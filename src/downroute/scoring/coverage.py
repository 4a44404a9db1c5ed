"""How evenly a summary covers its source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from downroute.answers.context import sentences, source_text
from downroute.answers.final_value import final_value
from downroute.answers.salience import key_terms, terms
from downroute.errors import UsageError
from downroute.records import Answer, Json, Score
from downroute.scoring.scorer import fail, graded, require_share
from downroute.scoring.wording import same_wording

THIRDS = ("first", "middle", "last")
MIN_SENTENCES = 9
"""Three in each third."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """0 to 1: the mean over the thirds of the source (the request's longest message) of how much
    the answer says of each: a third counts in full if ``enough`` of its ``terms`` most telling
    terms are named. The reason tells the three shares, so that a summary of the beginning alone is
    seen. ``worst: true`` gives the worst third instead of the mean, ``pass_at`` makes it 0 or 1.
    Terms are counted, not meaning: a paraphrase in other words scores low, a list of terms high.
    Unscored where the source has fewer than nine sentences.

    Raises:
        UsageError: ``enough`` is not in 1…``terms``, or ``pass_at`` is outside (0, 1].
    """

    name: ClassVar[str] = "coverage"
    needs_reference: ClassVar[bool] = False
    field: str | None = None
    terms: int = 12
    enough: int = 4
    worst: bool = False
    pass_at: float | None = None

    def __post_init__(self) -> None:
        require_share(self.pass_at)
        if not 1 <= self.enough <= self.terms:
            raise UsageError("enough is at least 1 and at most terms")

    def score(self, answer: Answer, reference: Json, request: Mapping[str, Json]) -> Score:  # noqa: ARG002
        source = source_text(request)
        if len(sentences(source)) < MIN_SENTENCES:
            return Score.unscored(f"the source has fewer than {MIN_SENTENCES} sentences")
        said = final_value(answer, self.field)
        if said.text is None:
            return fail(said.missing or "the answer has no text")
        named = set(terms(said.text))
        shares = [
            min(1.0, len(third & named) / self.enough)
            for third in key_terms(source, len(THIRDS), self.terms)
        ]
        value = min(shares) if self.worst else sum(shares) / len(shares)
        told = ", ".join(f"{third} {s:.2f}" for third, s in zip(THIRDS, shares, strict=True))
        return graded(value, self.pass_at, f"thirds of the source: {told}")

    def same(self, first: Answer, second: Answer) -> bool:
        return same_wording(first, second, self.field, str.split)
