"""One hard cap over everything a study pays, exceeded at most by what is in flight."""

from __future__ import annotations

from downroute.errors import BudgetError


class Budget:
    """Counts what was spent and what is in flight, in USD. ``cap_usd`` ``None`` = no cap."""

    def __init__(self, cap_usd: float | None, spent_usd: float = 0.0):
        self.cap_usd = cap_usd
        self.spent_usd = spent_usd
        self._in_flight_usd = 0.0
        self._estimated_usd = 0.0
        self._settled_usd = 0.0

    def reserve(self, estimate_usd: float | None) -> float:
        """Room for one call; returns what was set aside for it.

        Raises:
            BudgetError: the cap does not allow the call.
        """
        aside = (estimate_usd or 0.0) * self._dearer()
        expected = self.spent_usd + self._in_flight_usd + aside
        if self.cap_usd is not None and expected > self.cap_usd:
            raise BudgetError(
                f"the budget of ${self.cap_usd:g} does not allow another call; what was measured "
                "is kept, run the same command with a larger --budget to go on"
            )
        self._in_flight_usd += aside
        return aside

    def settle(self, aside_usd: float, estimate_usd: float | None, cost_usd: float) -> None:
        """The call is over and cost ``cost_usd``, what may have been billed besides included."""
        self._in_flight_usd -= aside_usd
        self.spent_usd += cost_usd
        self._settled_usd += cost_usd
        self._estimated_usd += estimate_usd or 0.0

    def _dearer(self) -> float:
        """How much more calls have cost than was estimated; never less than as estimated."""
        if self._estimated_usd <= 0:
            return 1.0
        return max(1.0, self._settled_usd / self._estimated_usd)
