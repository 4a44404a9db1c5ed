"""Seeded faults: which request fails, and how. For tests of whoever asks."""

from __future__ import annotations

import hashlib
from collections import Counter
from enum import StrEnum

from downroute.providers.replay.requests import Asked, Refusal


class Fault(StrEnum):
    """What goes wrong with one request."""

    RATE_LIMIT = "rate_limit"
    SERVER_ERROR = "server_error"
    OVERLOADED = "overloaded"
    DROP = "drop"
    """The connection is cut: before the first byte of a plain reply, amid a streamed one."""
    HANG = "hang"
    """Nothing comes back for as long as the client waits."""
    GARBLED = "garbled"
    """A plain reply breaks off amid its JSON though HTTP says that it is whole; a streamed one as
    with `DROP`."""


REFUSALS = {
    Fault.RATE_LIMIT: Refusal(
        429,
        "Rate limit reached (a fault made by --fail); try again in 1 s",
        type="requests",
        code="rate_limit_exceeded",
        headers={"Retry-After": "1"},
    ),
    Fault.SERVER_ERROR: Refusal(
        500, "The server had an error (a fault made by --fail)", type="server_error"
    ),
    Fault.OVERLOADED: Refusal(
        503, "The engine is overloaded (a fault made by --fail)", type="service_unavailable_error"
    ),
}
"""The replies to the faults that have one."""

DEFAULT_KINDS = (Fault.RATE_LIMIT, Fault.SERVER_ERROR, Fault.OVERLOADED, Fault.DROP)


class Faults:
    """Decides by seed, model, request and how often that was asked before, never by order of
    arrival: concurrent runs of one seed meet the same faults, and a retry rolls again."""

    def __init__(self, rate: float, seed: int, kinds: tuple[Fault, ...] = DEFAULT_KINDS) -> None:
        self._rate = rate
        self._kinds = kinds
        self._seed = seed
        self._asked: Counter[tuple[str, str]] = Counter()

    def next(self, asked: Asked) -> Fault | None:
        """The fault this request meets, or ``None``."""
        if not self._rate:
            return None
        key = (asked.model, asked.digest)
        self._asked[key] += 1
        roll = hashlib.sha256(repr((self._seed, key, self._asked[key])).encode()).digest()
        if int.from_bytes(roll[:8]) >= self._rate * 2**64:
            return None
        return self._kinds[roll[8] % len(self._kinds)]
