"""PURE: what is worth another try, and when."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

FIRST_WAIT_S = 0.5
LONGEST_BACKOFF_S = 8.0
LONGEST_WAIT_S = 60.0
"""However long an upstream asks to be left alone, the next try comes after this."""


def worth_another_try(status: int, code: str | None, headers: Mapping[str, str]) -> bool:
    """True for 408, 409, 429 and 5xx, unless the upstream says otherwise (``x-should-retry``) or
    the account is out of credit, which no waiting mends. ``headers`` have lower-case names."""
    said = headers.get("x-should-retry")
    if said in ("true", "false"):
        return said == "true"
    if code == "insufficient_quota":
        return False
    return status in (408, 409, 429) or status >= 500


def overloaded(status: int) -> bool:
    """Whether the upstream says that it is sent too much or cannot keep up: 429 and 5xx."""
    return status == 429 or status >= 500


def retry_after_s(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds the upstream asks to wait (RFC 9110 §10.2.3: seconds or a date; OpenAI's
    ``retry-after-ms`` first); ``None`` where it says nothing one can read. A date counts from the
    reply's own ``date``, so that clocks may differ; from ``now`` (Unix seconds) without one."""
    milliseconds = _seconds(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    asked = headers.get("retry-after")
    seconds = _seconds(asked)
    if seconds is not None:
        return seconds
    until = _instant(asked)
    if until is None:
        return None
    sent = _instant(headers.get("date"))
    return max(0.0, until - (now if sent is None else sent))


def wait_s(tries: int, asked_s: float | None, jitter: float) -> float:
    """Seconds until the next try after ``tries`` failed ones: what the upstream asked for, or
    exponential backoff. ``jitter`` in [0, 1) adds up to a quarter to the one and takes up to half
    of the other, so that not everybody comes back at once."""
    if asked_s is not None:
        return min(asked_s * (1 + jitter / 4), LONGEST_WAIT_S)
    backoff_s = min(FIRST_WAIT_S * 2.0 ** min(tries - 1, 10), LONGEST_BACKOFF_S)
    return backoff_s * (1 - jitter / 2)


def _seconds(text: str | None) -> float | None:
    try:
        seconds = float(text or "")
    except ValueError:
        return None
    return seconds if 0 <= seconds < float("inf") else None


def _instant(text: str | None) -> float | None:
    try:
        moment = parsedate_to_datetime(text or "")
    except (ValueError, OverflowError):  # the latter for a year, or an hour, of twenty digits
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
