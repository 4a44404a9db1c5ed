"""Values on their way out of a sandbox: as JSON that says what they were, never as objects.

A value that is no plain data stays where it is; ``refer`` says what is sent in its place. What
arrives is data whatever the program did to its types: an ``__eq__`` of its own is left behind.
"""

from __future__ import annotations

import datetime
import decimal
import fractions
import math
from collections.abc import Callable
from typing import Any

_SPELLED: dict[str, tuple[type, Callable[[Any], str], Callable[[str], Any]]] = {
    "decimal": (decimal.Decimal, str, decimal.Decimal),
    "fraction": (fractions.Fraction, str, fractions.Fraction),
    "datetime": (datetime.datetime, lambda v: v.isoformat(), datetime.datetime.fromisoformat),
    "date": (datetime.date, lambda v: v.isoformat(), datetime.date.fromisoformat),
    "bytes": (bytes, lambda v: v.hex(), bytes.fromhex),
    "int": (int, hex, lambda text: int(text, 16)),
}
_LARGEST = 2**63


def encode(value: Any, refer: Callable[[Any], Any]) -> Any:
    """``value`` as JSON."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int) and abs(int(value)) < _LARGEST:
        return int(value)
    if isinstance(value, float):
        number = float(value)
        return number if math.isfinite(number) else {"float": repr(number)}
    if isinstance(value, complex):
        return {"complex": [repr(value.real), repr(value.imag)]}
    if isinstance(value, list):
        return [encode(item, refer) for item in value]
    for name, kind in (("tuple", tuple), ("set", (set, frozenset))):
        if isinstance(value, kind):
            return {name: [encode(item, refer) for item in value]}
    if isinstance(value, dict):
        return {"dict": [[encode(k, refer), encode(v, refer)] for k, v in value.items()]}
    for name, (spelled, spell, _) in _SPELLED.items():
        if isinstance(value, spelled):
            return {name: spell(value)}
    return _numerical(value, refer)


def decode(data: Any, referred: Callable[[Any], Any]) -> Any:
    """What `encode` made ``data`` of.

    Raises:
        ValueError: it did not make it.
    """
    if data is None or isinstance(data, (bool, int, float, str)):
        return data
    if isinstance(data, list):
        return [decode(item, referred) for item in data]
    if not isinstance(data, dict) or len(data) != 1:
        raise ValueError("no encoded value")
    ((name, content),) = data.items()
    try:
        if name in _SPELLED:
            return _SPELLED[name][2](content)
        if name == "float":
            return float(content)
        if name == "complex":
            return complex(float(content[0]), float(content[1]))
        if name in ("tuple", "set"):
            items = [decode(item, referred) for item in content]
            return tuple(items) if name == "tuple" else set(items)
        if name == "dict":
            return {decode(k, referred): decode(v, referred) for k, v in content}
    except (TypeError, ArithmeticError, AttributeError, IndexError) as fault:
        raise ValueError("no encoded value") from fault
    return referred(data)


def _numerical(value: Any, refer: Callable[[Any], Any]) -> Any:
    """Arrays and scalars of numpy and pandas without knowing either."""
    if type(value).__module__.partition(".")[0] in ("numpy", "pandas"):
        for method in ("tolist", "item"):
            if hasattr(value, method):
                plain = getattr(value, method)()
                return encode(plain, refer) if type(plain) is not type(value) else refer(value)
    return refer(value)
