"""PURE: numbers as people read them. ``None`` is always "—", never 0."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

MISSING = "—"
ABOUT = "≈"
"""Stands before every number that is an estimate."""


def count(number: int | float | None) -> str:
    """A whole number with thousands separated: ``12,345``."""
    return MISSING if number is None else f"{number:,.0f}"


def usd(amount: float | None, *, about: bool = False) -> str:
    """An amount of money: cents from a dollar up, three significant digits below."""
    if amount is None:
        return MISSING
    size = abs(amount)
    in_cents = size >= 0.995 or size == round(size, 2)
    text = f"{size:,.2f}" if in_cents else format(Decimal(f"{size:.3g}"), "f")
    sign = "−" if amount < 0 else ""
    return f"{ABOUT if about else ''}{sign}${text}"


def share(value: float | None, *, about: bool = False) -> str:
    """A share as percent with one decimal: ``12.3 %``."""
    if value is None:
        return MISSING
    sign = "−" if round(value * 100, 1) < 0 else ""
    return f"{ABOUT if about else ''}{sign}{abs(value) * 100:.1f} %"


def span(low_high: tuple[float, float] | None) -> str:
    """An interval of money: ``[$1.20, $3.40]``."""
    if low_high is None:
        return MISSING
    return f"[{usd(low_high[0])}, {usd(low_high[1])}]"


def day(instant: float | None) -> str:
    """The UTC day of a Unix second."""
    if instant is None:
        return MISSING
    return datetime.fromtimestamp(instant, UTC).date().isoformat()


def moment(instant: float | None) -> str:
    """The UTC day and minute of a Unix second."""
    if instant is None:
        return MISSING
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%d %H:%M")
