"""Single fields of a log row, read leniently: what is not as expected is not known."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from downroute.records import Json

_LATEST = 4102444800.0  # 2100-01-01: what lies beyond was not meant in the unit tried
_UNITS = (1.0, 1e3, 1e6, 1e9)


def text(value: Json) -> str | None:
    """A non-empty string."""
    return value if isinstance(value, str) and value else None


def mapping(value: Json) -> Mapping[str, Json]:
    """A JSON object; an empty one for anything else."""
    return value if isinstance(value, Mapping) else {}


def number(value: Json) -> float | None:
    """A finite, non-negative number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if 0 <= value < float("1e300") else None


def instant(value: Json) -> float | None:
    """A point in time as Unix seconds, from seconds, milli-, micro- or nanoseconds since 1970
    or an ISO 8601 text (UTC where it names no offset)."""
    if isinstance(value, str):
        return _from_text(value)
    since_1970 = number(value)
    if not since_1970:
        return None
    return next((since_1970 / unit for unit in _UNITS if since_1970 / unit < _LATEST), None)


def _from_text(value: str) -> float | None:
    try:
        found = datetime.fromisoformat(value.strip())
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        pass
    try:
        return instant(float(value))
    except ValueError:
        return None
