"""The single values of a JSON value, each with its path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from downroute.answers.label import label
from downroute.records import Json


def leaves(value: Json, path: str, *, places: bool = True) -> Iterator[tuple[str, Json]]:
    """Every plain value below ``value`` as ``lines[0].total``; those of a list of plain values all
    as ``tags[]``. Empty ones are left out. Without ``places`` no list's items are numbered."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else str(key), places=places)
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            numbered = places and isinstance(inner, (Mapping, list, tuple))
            yield from leaves(inner, f"{path}[{index if numbered else ''}]", places=places)
    elif value is not None and value != "":
        yield path, value


def written(value: Json) -> str:
    """A plain value in the spelling in which it is compared."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(float(value)) if abs(value) < 2**53 else str(value)
    text = label(str(value))
    try:
        return repr(float(text)) if _is_decimal(text) else text
    except ValueError:
        return text


def _is_decimal(text: str) -> bool:
    """A number in digits; ``007`` is an identifier."""
    digits = text.removeprefix("-")
    return digits[:1].isdecimal() and (digits[:1] != "0" or digits[1:2] in ("", "."))
