"""How much of what an answer claims its source does not say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from downroute.answers.claims import Kind, claims, is_supported
from downroute.answers.context import context_text
from downroute.answers.final_value import final_value
from downroute.records import Answer, Json, Score
from downroute.scoring.scorer import fail, graded, require_share
from downroute.scoring.wording import same_wording


@dataclass(frozen=True, slots=True)
class UnsupportedClaims:
    """0 to 1: the share of the answer's claims that the request's text supports; 1 = none is
    unsupported. A claim is a figure, a name or a quotation (`answers.claims`): what a summary or an
    answer from context must not make up. Claims of other kinds are not seen, and figures that the
    answer worked out itself count as unsupported. An answer without claims gets 1, one without text
    0. For answers in the language of their source. ``pass_at: 1`` allows none.

    Raises:
        UsageError: ``pass_at`` is outside (0, 1].
    """

    name: ClassVar[str] = "unsupported_claims"
    needs_reference: ClassVar[bool] = False
    kinds: tuple[Kind, ...] = ("figure", "name", "quotation")
    field: str | None = None
    pass_at: float | None = None

    def __post_init__(self) -> None:
        require_share(self.pass_at)

    def score(self, answer: Answer, reference: Json, request: Mapping[str, Json]) -> Score:  # noqa: ARG002
        context = context_text(request)
        if not context.strip():
            return Score.unscored("the request holds no text")
        said = final_value(answer, self.field)
        if said.text is None:
            return fail(said.missing or "the answer has no text")
        made = [claim for claim in claims(said.text) if claim.kind in self.kinds]
        if not made:
            return graded(1.0, self.pass_at)
        unsupported = [claim for claim in made if not is_supported(claim, context)]
        told = f"{len(unsupported)} of {len(made)} figures, names and quotations are not there"
        return graded(1 - len(unsupported) / len(made), self.pass_at, told)

    def same(self, first: Answer, second: Answer) -> bool:
        return same_wording(first, second, self.field, str.split)
