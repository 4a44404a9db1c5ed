"""What a scorer is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from downroute.errors import UsageError
from downroute.records import Answer, Json, Score

PASS = Score(1.0)


@runtime_checkable
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
        """Whether both answers to one request are one after this scorer's own normalisation, so
        that they tie whatever the reference is."""


def is_slow(scorer: Scorer) -> bool:
    """Whether it takes more than a few milliseconds an answer."""
    return bool(getattr(scorer, "slow", False))


def fail(reason: str) -> Score:
    """A score of 0. ``reason`` names the fault and quotes nothing of the answer."""
    return Score(0.0, reason)


def graded(value: float, pass_at: float | None, reason: str | None = None) -> Score:
    """``value`` as it is, or with ``pass_at`` 1 where it reaches that and 0 where it does not."""
    value = min(max(value, 0.0), 1.0)
    if pass_at is None:
        return Score(value, reason if value < 1 else None)
    return PASS if value >= pass_at else fail(reason or f"{value:.2f} is below {pass_at:g}")


def require_share(pass_at: float | None) -> None:
    """
    Raises:
        UsageError: ``pass_at`` is neither ``None`` nor in (0, 1].
    """
    if pass_at is not None and not 0 < pass_at <= 1:
        raise UsageError(f"pass_at is a share above 0 and up to 1, not {pass_at:g}")


def acceptable(reference: Json) -> Sequence[Json]:
    """The acceptable values a reference names: the items of a list, else the one value."""
    return reference if isinstance(reference, list) else [reference]
