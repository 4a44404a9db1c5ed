"""What a spend report says: sums of calls, by task and by model. Pure values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from downroute.records import Decision
from downroute.reports.estimates import Basis


@dataclass(frozen=True, slots=True)
class Line:
    """A sum of calls. ``spent_usd`` is what is known to be charged, of all ``calls`` but the
    ``unpriced_calls``. The rest is over the ``compared_calls``, whose spending and counterfactual
    are both known: ``baseline_usd`` is the all-baseline cost, ``estimated_calls`` of it from
    means, ``half_width_usd`` half its 95 % interval (0 where all is measured); ``candidate_usd``
    is the all-candidate cost. ``left_out`` counts the other calls by reason."""

    calls: int
    decisions: Mapping[str, int]
    spent_usd: float
    unpriced_calls: int
    compared_calls: int
    compared_usd: float
    baseline_usd: float
    estimated_calls: int
    half_width_usd: float | None
    candidate_usd: float | None
    left_out: Mapping[str, int]

    @property
    def saving_usd(self) -> float | None:
        return self.baseline_usd - self.compared_usd if self.compared_calls else None

    @property
    def saving_share(self) -> float | None:
        saved = self.saving_usd
        return saved / self.baseline_usd if saved is not None and self.baseline_usd > 0 else None

    @property
    def escalation(self) -> float | None:
        """The share of cheaper answers judged that did not pass; ``None`` where none was."""
        escalated = self.decisions.get(Decision.ESCALATED, 0)
        judged = escalated + self.decisions.get(Decision.ACCEPTED, 0)
        return escalated / judged if judged else None


@dataclass(frozen=True, slots=True)
class ModelLine:
    """What one model was asked and charged. Tokens are over the attempts that state them."""

    model: str
    attempts: int
    by_purpose: Mapping[str, int]
    failed: int
    input_tokens: int
    output_tokens: int
    spent_usd: float
    unpriced: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Measuring:
    """What studies spent. ``possibly_paid_usd`` is the estimate for asks that never finished."""

    studies: int = 0
    paid_usd: float = 0.0
    possibly_paid_usd: float = 0.0
    unpriced_calls: int = 0

    @property
    def usd(self) -> float:
        return self.paid_usd + self.possibly_paid_usd


@dataclass(frozen=True, slots=True)
class Estimate:
    """``calls`` were taken at the mean of ``basis``."""

    basis: Basis
    calls: int


@dataclass(frozen=True, slots=True)
class FeedbackLine:
    """What was said of the answers to ``calls`` of one task, by the model that answered and how it
    came to that. ``mean_score`` is from 0 to 1, each call's graders averaged first."""

    task: str
    model: str
    decision: str
    calls: int
    good: int
    bad: int
    mean_score: float


@dataclass(frozen=True, slots=True)
class SpendReport:
    """All of it. ``since`` and the instants are Unix seconds. There is feedback on
    ``feedback_unknown`` calls more, which are not in the log."""

    since: float | None
    first: float | None
    last: float | None
    total: Line
    tasks: Mapping[str, Line]
    models: tuple[ModelLine, ...]
    estimates: tuple[Estimate, ...]
    measuring: Measuring
    feedback: tuple[FeedbackLine, ...] = ()
    feedback_unknown: int = 0

    @property
    def net_saving_usd(self) -> float | None:
        """The saving after the studies' spending."""
        saved = self.total.saving_usd
        return None if saved is None else saved - self.measuring.usd

    @property
    def net_saving_interval(self) -> tuple[float, float] | None:
        net, half = self.net_saving_usd, self.total.half_width_usd
        return None if net is None or half is None else (net - half, net + half)
