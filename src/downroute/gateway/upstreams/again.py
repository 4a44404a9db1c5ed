"""PURE: what failed and may be asked again, where, and after how long.

Asked again is only what nothing can have been billed for, or what the configuration gives another
place for: a request that an upstream has taken and not answered may have cost money there.
"""

from __future__ import annotations

from enum import Enum

from downroute.gateway.message import Headers
from downroute.gateway.upstream import Fault
from downroute.providers.retries import retry_after_s

FIRST_WAIT_S = 0.1
LONGEST_REST_S = 60.0
OUT_OF_CREDIT = "insufficient_quota"
_BUSY = frozenset({429, 503, 529})
_OF_THE_PLACE = frozenset({401, 403, 404, 408, 409})
"""Said of the key, of what is deployed, or of the moment: another place may say otherwise. All
other statuses below 500 are said of the request."""


class Again(Enum):
    """Where it may be asked again."""

    NOWHERE = "nowhere"
    ELSEWHERE = "elsewhere"
    ANYWHERE = "anywhere"


def after_status(status: int, code: str | None) -> Again:
    """After a refusal; ``code`` is its error's."""
    if status in _BUSY:
        return Again.ELSEWHERE if code == OUT_OF_CREDIT else Again.ANYWHERE
    return Again.ELSEWHERE if status in _OF_THE_PLACE or status >= 500 else Again.NOWHERE


def after_fault(fault: Fault) -> Again:
    """After no reply, or half of one."""
    if fault is Fault.UNREACHABLE:
        return Again.ANYWHERE
    return Again.ELSEWHERE if fault in (Fault.TIMEOUT, Fault.BROKEN) else Again.NOWHERE


def counts_as_failure(status: int) -> bool:
    """Whether a place that answers this does not work, as far as a circuit breaker is concerned."""
    return status >= 500


def asked_to_wait_s(status: int, headers: Headers, now: float) -> float | None:
    """How long an upstream that is sent too much wants to be left alone, where it says so; ``now``
    in Unix seconds."""
    return retry_after_s(dict(headers), now) if status in _BUSY else None


def wait_s(tries: int, asked_s: float | None, jitter: float) -> float:
    """Until the same place is asked again after ``tries`` in vain: what it asked for and up to a
    quarter more, or a backoff that doubles, half of it by ``jitter`` in [0, 1): so that not all
    who were turned away together come back together."""
    if asked_s is not None:
        return asked_s * (1 + jitter / 4)
    return float(FIRST_WAIT_S * 2 ** min(tries - 1, 10) * (0.5 + jitter / 2))
