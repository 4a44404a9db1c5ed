"""Where a request goes after a try in vain, and what is remembered of the place: the same for calls
that are routed and for what is passed through."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from downroute.gateway.log_lines import say
from downroute.gateway.message import Headers
from downroute.gateway.upstream import Fault, NoReplyError
from downroute.gateway.upstreams.again import (
    LONGEST_REST_S,
    Again,
    asked_to_wait_s,
    counts_as_failure,
    wait_s,
)
from downroute.gateway.upstreams.pool import Deployment, Pool

_NOT_AGAIN = ("x-should-retry", "false")
"""By this, OpenAI's and Anthropic's servers tell clients that another try would bring the same."""


def another(
    pool: Pool,
    tried: Sequence[Deployment],
    again: Again,
    refusal: tuple[int, Headers],
    left_s: float,
    now: float,
    jitter: Callable[[], float],
    *,
    moves: bool = True,
) -> tuple[Deployment, float] | None:
    """Where it is asked next, after so many seconds; ``None`` = the last try was the last.
    ``refusal`` are the status and headers of its reply, 0 where there was none. What ``moves`` not
    is asked at the place it was first asked at, or not at all."""
    if again is Again.NOWHERE or left_s <= 0:
        return None
    if _NOT_AGAIN in refusal[1]:
        again = Again.ELSEWHERE
    other = pool.choose(tried, now) if moves else None
    if other is not None:
        return other, 0.0
    repeats = len(tried) - len(set(tried))
    place = pool.choose((), now) if moves else tried[0]
    if again is Again.ELSEWHERE or repeats >= pool.retries.most or place is None:
        return None
    pause_s = wait_s(len(tried), asked_to_wait_s(*refusal, time.time()), jitter())
    if pause_s > pool.retries.longest_wait_s or pause_s >= left_s:
        return None
    return place, pause_s


def learn(
    place: Deployment,
    status: int,
    headers: Headers,
    now: float,
    fault: NoReplyError | None = None,
    *,
    ours: bool = False,
) -> None:
    """Keep in mind how the place fares. ``ours``: the ``fault`` says nothing of it."""
    breaker = place.breaker
    asked_s = asked_to_wait_s(status, headers, time.time()) if status >= 400 else None
    if asked_s is not None:
        place.rests_until = now + min(asked_s, LONGEST_REST_S)
    if fault is None and not counts_as_failure(status):
        if not breaker.closed:
            say(logging.INFO, "circuit closed", **_told(place))
        breaker.worked()
    elif ours:
        breaker.gave_up()
    elif breaker.failed(now):
        failures, open_s = breaker.failures, breaker.settings.open_s
        say(logging.WARNING, "circuit open", **_told(place), failures=failures, open_s=open_s)


def is_ours(fault: NoReplyError, left_s: float) -> bool:
    """Whether it says nothing of the upstream: it was not asked, or the call's own time was up."""
    if fault.fault is Fault.TIMEOUT:
        return left_s <= 0
    return fault.fault in (Fault.BUSY, Fault.UNSENDABLE)


def _told(place: Deployment) -> dict[str, str]:
    return {"upstream": place.address.upstream, "host": urlsplit(place.address.base).netloc}
