"""A task ready to be measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from downroute.records import Example
from downroute.study.choice import Choice
from downroute.study.discovery import FoundTask
from downroute.study.plan import TaskPlan, fewest_pairs
from downroute.study.settings import StudySettings


@dataclass(frozen=True, slots=True)
class PreparedTask:
    """A task with its sample, its scorer and its plan. ``left_out`` counts calls by reason,
    ``fingerprints`` are those a route may be keyed by."""

    found: FoundTask
    examples: tuple[Example, ...]
    choice: Choice
    plan: TaskPlan
    fingerprints: tuple[str, ...]
    left_out: Counter[str]
    further: Callable[[], tuple[Example, ...]] = tuple
    """Draws more examples of the log, none of which is among ``examples``."""
    guardrails: Mapping[str, float | None] = field(default_factory=dict)
    """By how much more often than the baseline a candidate may have each fault."""
    unfit: str | None = None
    """Why the scorer cannot judge this task, where it cannot."""

    @property
    def name(self) -> str:
        return self.plan.task

    def worth_measuring(self, question: StudySettings, margin: float) -> bool:
        """A task with fewer requests than could ever show the margin is measured only when it
        was asked for by name."""
        if self.name in question.tasks:
            return bool(self.examples)
        return len(self.examples) >= fewest_pairs(margin, alpha=question.alpha)
