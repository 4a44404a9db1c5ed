"""What a route costs per request relative to the baseline, and what it saves.

The formula (all terms per request, in baseline costs L)::

    C/L = r(1 + k + q·s) + v/L + e(1 + d) + a(1 + j) + F/(N·L)

with r = S/L the candidate's relative cost, k its retries, q the share self-checked at relative
cost s, v the validators' cost, e the escalation rate, d the extra on escalated calls, a the
shadow share, j the judge's relative cost, F the cost of measuring spread over N requests.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RouteCost:
    """The terms of the formula. Money in USD, the rest shares and ratios; ``requests`` is how
    many requests the measuring cost is spread over, ``None`` = left out of the sum."""

    baseline_usd: float
    candidate_usd: float
    escalation: float = 0.0
    retries: float = 0.0
    self_checked: float = 0.0
    self_check_ratio: float = 0.0
    validators_usd: float = 0.0
    escalation_extra: float = 0.0
    shadow: float = 0.0
    judge_ratio: float = 0.0
    measuring_usd: float = 0.0
    requests: float | None = None

    def relative(self) -> float:
        """C/L: what a request costs on this route, as a share of its cost on the baseline."""
        return self._fixed() + self.escalation * (1 + self.escalation_extra)

    def saving_share(self) -> float:
        """1 − C/L; negative where the route costs more than it saves."""
        return 1.0 - self.relative()

    def break_even_escalation(self) -> float:
        """The escalation rate e* at which the route saves nothing; may lie outside [0, 1]."""
        return (1.0 - self._fixed()) / (1 + self.escalation_extra)

    def _fixed(self) -> float:
        ratio = self.candidate_usd / self.baseline_usd
        measuring = 0.0
        if self.requests:
            measuring = self.measuring_usd / (self.requests * self.baseline_usd)
        return (
            ratio * (1 + self.retries + self.self_checked * self.self_check_ratio)
            + self.validators_usd / self.baseline_usd
            + self.shadow * (1 + self.judge_ratio)
            + measuring
        )
