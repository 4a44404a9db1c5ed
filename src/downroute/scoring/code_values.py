"""Whether the value a program came to is the reference's. Plain data, outside the sandbox. Pure."""

from __future__ import annotations

import ast
import math
from dataclasses import dataclass
from typing import Any

from downroute.answers.number import as_number
from downroute.records import Json

ROUNDING = 1e-9
"""Relative; only rounding of floats is forgiven by default."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """How numbers are compared, also those inside lists and objects: equal within ``tolerance``
    (absolute) or ``relative`` (a share of the reference's), ``ignore_sign`` and ``ignore_scale``
    (powers of ten: 0.05, 5 and 500 are one) where units and signs are left open."""

    tolerance: float = 0.0
    relative: float = 0.0
    ignore_sign: bool = False
    ignore_scale: bool = False

    def equal(self, said: Any, wanted: Json) -> bool:
        """``said`` may hold what Python has and JSON has not: tuples are lists, sets unordered."""
        if isinstance(said, bool) or isinstance(wanted, bool):
            return said is wanted
        if _is_number(wanted):
            number = _number(said)
            return number is not None and self._close(number, wanted)
        if isinstance(wanted, str):
            return isinstance(said, str) and said.split() == wanted.split()
        if isinstance(wanted, dict):
            return isinstance(said, dict) and self._equal_dicts(said, wanted)
        if isinstance(said, set) and isinstance(wanted, list):
            return _matched(list(said), wanted, self)
        if isinstance(said, (list, tuple)) and isinstance(wanted, list):
            pairs = zip(said, wanted, strict=False)
            return len(said) == len(wanted) and all(self.equal(s, w) for s, w in pairs)
        return bool(said == wanted)

    def equal_text(self, printed: str, wanted: Json) -> bool:
        """Whether what was printed is ``wanted``: as text, as the number it ends with, or as the
        value it spells."""
        text = printed.strip()
        if isinstance(wanted, str):
            return [line.rstrip() for line in text.splitlines()] == [
                line.rstrip() for line in wanted.strip().splitlines()
            ]
        try:
            if self.equal(ast.literal_eval(text), wanted):
                return True
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            pass
        found = as_number(text) if _is_number(wanted) else None
        return found is not None and self._close(found.value, wanted)

    def _close(self, said: float, wanted: float) -> bool:
        if not (math.isfinite(said) and math.isfinite(wanted)):
            return said == wanted
        if self.ignore_sign:
            said, wanted = abs(said), abs(wanted)
        if self._near(said, wanted):
            return True
        if not self.ignore_scale or said == 0 or wanted == 0:
            return False
        power = math.log10(abs(wanted) / abs(said))
        return any(
            self._near(said * 10.0**k, wanted)
            for k in (math.floor(power), math.ceil(power))
            if abs(k) < 300
        )

    def _near(self, said: float, wanted: float) -> bool:
        allowed = max(self.tolerance, max(self.relative, ROUNDING) * abs(wanted))
        # 0.068 − 0.0675 is a little more than 0.0005 in floats.
        return abs(said - wanted) <= allowed * (1 + ROUNDING)

    def _equal_dicts(self, said: dict[Any, Any], wanted: dict[str, Json]) -> bool:
        by_name = {str(key): value for key, value in said.items()}
        return by_name.keys() == wanted.keys() and all(
            self.equal(by_name[key], value) for key, value in wanted.items()
        )


def _matched(said: list[Any], wanted: list[Json], comparison: Comparison) -> bool:
    left = list(wanted)
    for value in said:
        hit = next((w for w in left if comparison.equal(value, w)), None)
        if hit is None:
            return False
        left.remove(hit)
    return not left


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _number(value: Any) -> float | None:
    """The number a value is, or states as text; that of a list's only item."""
    try:
        if isinstance(value, str):
            found = as_number(value)
            return None if found is None else found.value
        if isinstance(value, (list, tuple)):
            return _number(value[0]) if len(value) == 1 else None
        return None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return None
