"""Two JSON values side by side: each laid out, the lines that differ from the other marked."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from markupsafe import Markup, escape

from downroute.prompts import canonical_json
from downroute.records import Json

DEEPEST = 60
"""Values nested deeper are written on one line."""

ABSENT: Final[Any] = object()
"""What stands where the other side has nothing."""


def json_view(value: Json, other: Json = ABSENT) -> Markup:
    """``value`` with one line a field; lines with no equal in ``other`` are marked. Nothing is
    marked where there is no ``other``."""
    against = value if other is ABSENT else other
    lines = [
        Markup('<span class="line differs">{}</span>').format(line)
        if differs
        else Markup('<span class="line">{}</span>').format(line)
        for line, differs in _lines(value, against, "", "", 0)
    ]
    return Markup('<pre class="json">{}</pre>').format(Markup("").join(lines))


def _lines(
    value: Json, other: Json, name: str, end: str, depth: int
) -> Iterator[tuple[Markup, bool]]:
    pad = "  " * depth
    before = Markup("{}{}").format(pad, _key(name))
    if depth < DEEPEST and isinstance(value, Mapping) and value:
        yield before + "{", not isinstance(other, Mapping)
        there = other if isinstance(other, Mapping) else {}
        for number, (key, inner) in enumerate(value.items(), start=1):
            comma = "," if number < len(value) else ""
            yield from _lines(
                inner, there.get(key, ABSENT), json.dumps(key, ensure_ascii=False), comma, depth + 1
            )
        yield Markup("{}").format(pad + "}" + end), False
    elif depth < DEEPEST and isinstance(value, Sequence) and not isinstance(value, str) and value:
        yield before + "[", not isinstance(other, (list, tuple))
        rest = list(other) if isinstance(other, (list, tuple)) else []
        for number, inner in enumerate(value):
            comma = "," if number < len(value) - 1 else ""
            against = rest[number] if number < len(rest) else ABSENT
            yield from _lines(inner, against, "", comma, depth + 1)
        yield Markup("{}").format(pad + "]" + end), False
    else:
        text = json.dumps(value, ensure_ascii=False)
        yield before + escape(text) + end, other is ABSENT or not _same(value, other)


def _same(value: Json, other: Json) -> bool:
    numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in (value, other))
    return value == other if numbers else canonical_json(value) == canonical_json(other)


def _key(name: str) -> Markup:
    return Markup('<span class="key">{}</span>: ').format(name) if name else Markup("")
