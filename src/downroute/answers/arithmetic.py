"""PURE: the sums written out in a text, and whether they come to what they say."""

from __future__ import annotations

import math
import re

_NUMBER = r"-?\$?\d[\d,]*(?:\.\d+)?%?"
_SUM = re.compile(
    rf"(?<![\w.^)\]}}/*=+\-])(?<![+\-*/×÷^=]\s)(?P<left>{_NUMBER}(?:\s*[+\-*/×÷x]\s*{_NUMBER})+)"
    rf"\s*=\s*(?P<right>{_NUMBER})(?!\s*[+\-*/×÷^x(]\s*[\d$(])(?![\w^])"
)
_PART = re.compile(rf"(?P<operator>[+\-*/×÷x])?\s*(?P<number>{_NUMBER})\s*")
_LONGEST = 20_000
"""Characters of a text that are searched."""


def sums(text: str) -> list[bool]:
    """Whether each sum of plain numbers in ``text`` (``3 * 4 + 1 = 13``) is right, within what
    rounding its result explains. Brackets, letters and powers make something else of it."""
    if "=" not in text:
        return []
    found = (_holds(m["left"], m["right"]) for m in _SUM.finditer(text[:_LONGEST]))
    return [holds for holds in found if holds is not None]


def _holds(left: str, right: str) -> bool | None:
    value, stated = _value(left), _plain(right)
    if value is None:
        return None
    decimals = len(right.rstrip("%").partition(".")[2])
    rounding = max(0.51 * 10.0**-decimals if decimals else 0.5, 0.005 * abs(value))
    if not decimals and math.isclose(value, round(value)):
        # Whole numbers come to a whole number, of which no rounding can be said.
        rounding = 0.01
    return abs(value - stated) <= rounding


def _value(expression: str) -> float | None:
    """The value by the usual precedence; ``None`` for a division by zero."""
    total, product = 0.0, None
    at = 0
    while at < len(expression):
        part = _PART.match(expression, at)
        if part is None:
            return None
        number, operator = _plain(part["number"]), part["operator"] if at else "+"
        at = part.end()
        if operator in ("*", "×", "x") and product is not None:
            product *= number
        elif operator in ("/", "÷") and product is not None:
            if number == 0:
                return None
            product /= number
        elif operator in ("+", "-", None):
            total += product or 0.0
            product = -number if operator == "-" else number
    total += product or 0.0
    return total if math.isfinite(total) else None


def _plain(number: str) -> float:
    value = float(number.replace("$", "").replace(",", "").rstrip("%"))
    return value / 100 if number.endswith("%") else value
