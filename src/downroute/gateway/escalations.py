"""How much the routes have escalated lately, for the limits of their policy.

In memory, for this process: a gateway that starts again begins to count anew.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from downroute.records import Attempt, Purpose, Route

_MINUTE_S = 60.0
_DAY_S = 86_400


@dataclass(slots=True)
class _Count:
    """``day`` counts days since the epoch, UTC."""

    lately: deque[float] = field(default_factory=deque)
    day: int = 0
    today: int = 0
    today_usd: float = 0.0


class Escalations:
    """Instants are Unix seconds. Routes without a limit are not counted."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, tuple[str, ...]], _Count] = {}

    def used_up(self, route: Route, now: float) -> str | None:
        """Which limit of ``route`` is used up, in words; ``None`` where none is."""
        limit = route.limit
        if limit is None:
            return None
        count = self._count(route, now)
        if limit.per_minute is not None and len(count.lately) >= limit.per_minute:
            return f"the {limit.per_minute} escalations a minute are used up"
        if limit.per_day is not None and count.today >= limit.per_day:
            return f"the {limit.per_day} escalations a day are used up"
        if limit.per_day_usd is not None and count.today_usd >= limit.per_day_usd:
            return f"the {limit.per_day_usd:g} USD a day for escalations are used up"
        return None

    def begun(self, route: Route, now: float) -> None:
        """An answer of ``route`` is escalated."""
        if route.limit is not None:
            count = self._count(route, now)
            count.lately.append(now)
            count.today += 1

    def paid(self, route: Route, cost_usd: float, now: float) -> None:
        """The answer escalated to has cost this."""
        if route.limit is not None:
            self._count(route, now).today_usd += cost_usd

    def _count(self, route: Route, now: float) -> _Count:
        count = self._counts.setdefault((route.task, route.models), _Count())
        while count.lately and count.lately[0] <= now - _MINUTE_S:
            count.lately.popleft()
        day = int(now // _DAY_S)
        if day != count.day:
            count.day, count.today, count.today_usd = day, 0, 0.0
        return count


def is_escalation(attempts: Sequence[Attempt]) -> bool:
    """Whether a further model asked after ``attempts`` is asked because an answer did not do: a
    failed upstream's fallback is not counted."""
    answers = [a for a in attempts if a.purpose is Purpose.ANSWER]
    return bool(answers) and not answers[-1].failed


def escalation_cost_usd(attempts: Sequence[Attempt]) -> float:
    """What the answers escalated to cost, as far as it is known."""
    return sum(
        attempt.cost_usd or 0.0
        for at, attempt in enumerate(attempts)
        if attempt.purpose is Purpose.ANSWER and is_escalation(attempts[:at])
    )
