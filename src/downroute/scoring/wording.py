"""What scorers of wording share: the texts that are compared, and when two of them are one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from downroute.answers.final_value import as_text, final_reference, final_value
from downroute.records import Answer, Json, Score
from downroute.scoring.scorer import acceptable, fail, graded


def score_wording(
    answer: Answer,
    reference: Json,
    field: str | None,
    pass_at: float | None,
    likeness: Callable[[str, str], float | None],
) -> Score:
    """The answer's ``likeness`` in [0, 1] to the acceptable reference it is most like. A reference
    of which ``likeness`` can make nothing (``None``) does not count."""

    def nearest(said: str, wanted: Sequence[str]) -> float | None:
        found = [likeness(said, text) for text in wanted]
        return max((value for value in found if value is not None), default=None)

    return score_against_all(answer, reference, field, pass_at, nearest)


def score_against_all(
    answer: Answer,
    reference: Json,
    field: str | None,
    pass_at: float | None,
    likeness: Callable[[str, Sequence[str]], float | None],
) -> Score:
    """`score_wording` for a measure that takes all acceptable references at once."""
    wanted = final_reference(reference, field)
    if wanted.missing is not None:
        return Score.unscored(wanted.missing)
    texts = [text for text in map(as_text, acceptable(wanted.value)) if text.strip()]
    said = final_value(answer, field)
    value = likeness(said.text or "", texts) if texts else None
    if value is None:
        return Score.unscored("the reference is empty" if not texts else "no words to compare")
    if said.text is None:
        return fail(said.missing or "the answer has no text")
    return graded(value, pass_at, f"{value:.2f} like the reference")


def same_wording(
    first: Answer, second: Answer, field: str | None, normal: Callable[[str], object]
) -> bool:
    """Whether both final values are one after ``normal``; where one has none, the same text."""
    one, other = final_value(first, field).text, final_value(second, field).text
    if one is None or other is None:
        return one is other and (first.text or "").strip() == (second.text or "").strip()
    return normal(one) == normal(other)
