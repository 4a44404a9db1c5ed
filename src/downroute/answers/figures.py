"""PURE: every figure in a text, for finding it again in another text.

`number_text` reads the number that an answer comes to and leaves out dates, lists and ranges; here
each run of digits counts, with all the values it may stand for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Figure:
    """``values``: what ``1.234`` may mean: 1.234 and 1234; with ``million`` behind it, times
    10^6 too."""

    start: int
    end: int
    values: frozenset[float]


_FIGURE = re.compile(
    r"(?P<digits>\d+(?:[.,'\u00a0\u202f]\d+)*)"
    r"(?:\s?(?P<scale>thousand|million|billion|trillion|bn|mn|[kKMB])\b)?"
)
_SCALES = {
    "thousand": 1e3, "k": 1e3, "million": 1e6, "m": 1e6, "mn": 1e6,
    "billion": 1e9, "b": 1e9, "bn": 1e9, "trillion": 1e12,
}  # fmt: skip
MAX_DIGITS = 30


@lru_cache(maxsize=256)
def figures(text: str) -> tuple[Figure, ...]:
    """The figures of ``text``, in order."""
    return tuple(
        Figure(m.start(), m.end(), _values(m["digits"], m["scale"]))
        for m in _FIGURE.finditer(text)
        if len(m["digits"]) <= MAX_DIGITS
    )


def _values(digits: str, scale: str | None) -> frozenset[float]:
    readings = {float(re.sub(r"\D", "", digits))} if _is_grouped(digits) else set()
    for point in ".,":
        whole, _, part = digits.rpartition(point)
        if whole and part.isdecimal() and (whole.isdecimal() or _is_grouped(whole)):
            readings.add(float(f"{re.sub('[^0-9]', '', whole)}.{part}"))
    if digits.isdecimal():
        readings.add(float(digits))
    factor = _SCALES[scale.lower()] if scale else 1.0
    return frozenset({value * factor for value in readings} | (readings if scale else set()))


def _is_grouped(digits: str) -> bool:
    """Whether the digits may be thousands set apart; else ``1.5`` would be 15 as well."""
    return re.fullmatch(r"\d{1,3}(?:[.,'\u00a0\u202f]\d{3})+", digits) is not None
