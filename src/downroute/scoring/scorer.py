"""What a scorer is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from downroute.records import Answer, Json, Score

PASS = Score(1.0)


class Scorer(Protocol):
    """A judge of one answer. Implementations are frozen dataclasses; their fields are the options
    a user may set, and they depend on nothing but their arguments.

    One that takes more than a few milliseconds an answer has a class attribute ``slow = True``: a
    study then asks it for many scores at once, in threads, and for each only once."""

    @property
    def name(self) -> str:
        """The name in the table of scorers."""

    @property
    def needs_reference(self) -> bool:
        """Whether, with these options, nothing can be scored without a reference."""

    def score(self, answer: Answer, reference: Json, request: Mapping[str, Json]) -> Score:
        """A score in [0, 1]. An answer that cannot be read fails, with a reason; `Score.unscored`
        is for what says nothing about the answer, such as a missing reference."""

    def same(self, first: Answer, second: Answer) -> bool:
        """Whether both answers are one after this scorer's own normalisation, so that they tie
        whatever the reference is."""


def fail(reason: str) -> Score:
    """A score of 0. ``reason`` names the fault and quotes nothing of the answer."""
    return Score(0.0, reason)


def acceptable(reference: Json) -> Sequence[Json]:
    """The acceptable values a reference names: the items of a list, else the one value."""
    return reference if isinstance(reference, list) else [reference]
