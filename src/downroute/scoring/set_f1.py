"""The answer lists what the reference lists, in any order."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from downroute.answers.final_value import as_text, final_reference, final_value
from downroute.answers.json_value import find_json
from downroute.answers.label import label
from downroute.records import Answer, Json, Score
from downroute.scoring.scorer import fail, graded, require_share
from downroute.scoring.wording import same_wording


@dataclass(frozen=True, slots=True)
class SetF1:
    """0 to 1: F1 of the items that answer and reference share, each counted once, in any order,
    compared as labels. A reference that is a list names *all* items, not alternatives; ``[]`` wants
    none. An answer lists by a JSON array (in its ``field``), by bullets or numbered lines, else by
    lines, semicolons or commas. ``pass_at`` makes it 0 or 1.

    Raises:
        UsageError: ``pass_at`` is outside (0, 1].
    """

    name: ClassVar[str] = "set_f1"
    needs_reference: ClassVar[bool] = True
    field: str | None = None
    pass_at: float | None = None

    def __post_init__(self) -> None:
        require_share(self.pass_at)

    def score(self, answer: Answer, reference: Json, request: Mapping[str, Json]) -> Score:  # noqa: ARG002
        wanted = final_reference(reference, self.field)
        if wanted.missing is not None:
            return Score.unscored(wanted.missing)
        said = final_value(answer, self.field)
        if said.missing is not None:
            return fail(said.missing)
        items, wanted_items = listed(said.value), listed(wanted.value)
        if not items and not wanted_items:
            return graded(1.0, self.pass_at)
        shared = len(items & wanted_items)
        f1 = 2 * shared / (len(items) + len(wanted_items))
        told = f"{len(wanted_items) - shared} items are missing, {len(items) - shared} added"
        return graded(f1, self.pass_at, told)

    def same(self, first: Answer, second: Answer) -> bool:
        one, other = final_value(first, self.field), final_value(second, self.field)
        if one.missing is None and other.missing is None:
            return listed(one.value) == listed(other.value)
        return same_wording(first, second, self.field, label)


_BULLET = re.compile(r"^\s*(?:[-*•+]|\(?\d{1,3}[.)])\s+(\S.*)$", re.MULTILINE)
_COMMA = re.compile(r"[,，、](?!\d)|(?<!\d)[,，、]")
_AND = re.compile(r"^(?:and|or)\s+", re.IGNORECASE)
_LAST = re.compile(r"\s+(?:and|or|und|oder|et|ou|y|o|e)\s+")
_NOTHING = frozenset({"", "none", "nothing", "n/a", "[]"})


def listed(value: Json) -> frozenset[str]:
    """The items that a value lists, as labels."""
    if isinstance(value, (list, tuple)):
        return frozenset(label(as_text(item)) for item in value) - {""}
    if not isinstance(value, str):
        return frozenset() if value is None else frozenset({label(as_text(value))})
    found = find_json(value)
    if found is not None and isinstance(found.value, list):
        return listed(found.value)
    items = frozenset(label(_AND.sub("", item.strip())) for item in _items(value))
    return items - _NOTHING


def _items(text: str) -> list[str]:
    bullets = _BULLET.findall(text)
    if bullets:
        return list(bullets)
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) > 1:
        return lines
    if ";" in text:
        return text.split(";")
    *listed_items, last = _COMMA.split(text)
    return [*listed_items, *(_LAST.split(last) if listed_items else [last])]
