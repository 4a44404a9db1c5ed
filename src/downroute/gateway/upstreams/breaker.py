"""PURE: a circuit breaker. What fails again and again is left alone for a while, so that calls fail
at once, or go elsewhere, and what is down is not held down by them."""

from __future__ import annotations

from downroute.upstream_settings import Breaker as BreakerSettings


class Breaker:
    """Closed, it counts failures in a row; open, nobody is to be sent; after that, half open, one
    is, and how that comes out decides. ``now`` is in seconds on any clock that only goes on."""

    def __init__(self, settings: BreakerSettings) -> None:
        self.settings = settings
        self._in_row = 0
        self._open_until: float | None = None
        self._probing = False

    @property
    def closed(self) -> bool:
        return self._open_until is None

    @property
    def failures(self) -> int:
        """How many there were in a row."""
        return self._in_row

    def lets_pass(self, now: float) -> bool:
        """Whether somebody may be sent now."""
        return self._open_until is None or (now >= self._open_until and not self._probing)

    def opens_in_s(self, now: float) -> float:
        """Until somebody may be sent, as far as that is known."""
        return 0.0 if self._open_until is None else max(0.0, self._open_until - now)

    def sent(self) -> None:
        """Somebody is sent; of `worked`, `failed` and `gave_up` one follows."""
        self._probing = self._open_until is not None

    def worked(self) -> None:
        self._in_row, self._open_until, self._probing = 0, None, False

    def failed(self, now: float) -> bool:
        """Whether that has opened it."""
        self._in_row += 1
        was_closed, self._probing = self.closed, False
        most = self.settings.failures
        if most is None or (was_closed and self._in_row < most):
            return False
        self._open_until = now + self.settings.open_s
        return was_closed

    def gave_up(self) -> None:
        """It was not the upstream's doing that nothing came of it."""
        self._probing = False
