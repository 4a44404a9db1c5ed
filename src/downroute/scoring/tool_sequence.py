"""The answer calls the right functions in the right order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from rapidfuzz.distance import LCSseq

from downroute.answers.tool_calls import calls_in_order
from downroute.records import Answer, Json, Score
from downroute.scoring.scorer import graded, require_share
from downroute.scoring.tool_call import wanted_calls


@dataclass(frozen=True, slots=True)
class ToolSequence:
    """0 or 1: which functions the answer calls, whatever the arguments. The reference is a list of
    names, or of calls as ``tool_call`` takes them; ``[]`` = no call is right.

    ``order``: ``exact`` (default: these calls and no others), ``in_order`` (others may stand
    between them) or ``any_order`` (others may be added). ``pass_at: null`` gives F1 instead, of the
    longest common subsequence of names, with ``any_order`` of the shared names.

    Raises:
        UsageError: ``pass_at`` is outside (0, 1].
    """

    name: ClassVar[str] = "tool_sequence"
    needs_reference: ClassVar[bool] = True
    order: Literal["exact", "in_order", "any_order"] = "exact"
    pass_at: float | None = 1.0

    def __post_init__(self) -> None:
        require_share(self.pass_at)

    def score(self, answer: Answer, reference: Json, request: Mapping[str, Json]) -> Score:  # noqa: ARG002
        wanted = _names(reference)
        if wanted is None:
            return Score.unscored("the reference is no list of function names or calls")
        made = [call.name for call in answer.tool_calls]
        if not wanted:
            return graded(float(not made), self.pass_at, f"{len(made)} calls made, none wanted")
        shared = _shared(made, wanted, self.order)
        told = f"{shared} of {len(wanted)} calls, {len(made)} made"
        extra_counts = self.order == "exact" or self.pass_at is None
        length = (len(made) + len(wanted)) / 2 if extra_counts else len(wanted)
        return graded(shared / length, self.pass_at, told)

    def same(self, first: Answer, second: Answer) -> bool:
        """Equal names in the same order are the same only with equal arguments."""
        if not first.tool_calls and not second.tool_calls:
            return (first.text or "").strip() == (second.text or "").strip()
        return calls_in_order(first) == calls_in_order(second)


def _shared(made: Sequence[str], wanted: Sequence[str], order: str) -> int:
    if order == "any_order":
        return (Counter(made) & Counter(wanted)).total()
    return LCSseq.similarity(made, wanted)


def _names(reference: Json) -> list[str] | None:
    if isinstance(reference, list) and all(isinstance(entry, str) for entry in reference):
        return list(reference)
    if isinstance(reference, str):
        return [reference] if reference else None
    calls = wanted_calls(reference)
    return None if calls is None else [call.name for call in calls]
