"""The answer's JSON fields are the reference's."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from downroute.answers.final_value import as_text
from downroute.answers.json_value import find_json
from downroute.answers.same import same_delivery
from downroute.errors import UsageError
from downroute.records import Answer, Json, Score
from downroute.scoring.any_order import aligned
from downroute.scoring.json_leaves import leaves, written
from downroute.scoring.scorer import PASS, Scorer, fail, is_slow

Leaves = Counter[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class JsonFields:
    """How well the answer's object matches the reference object, field by field.

    Every value counts once, under its path: F1 of the values that both have. Strings are compared
    as labels (white space, case and closing punctuation do not count), numbers by value, also
    where one is written as a string; ``null``, ``""`` and empty lists equal a missing field.
    Lists of plain values match in any order, lists of objects by position; with ``any_order`` by
    what they hold, so that as many values as possible agree (paths then number the reference's
    items).

    ``fields`` restricts the comparison to these fields (paths such as ``total`` or
    ``customer.name``, with all below them), ``ignore`` leaves some out. ``by`` names a scorer for
    single fields, such as ``{summary: token_f1}``. Such a field counts as one value, with the
    score that it gets.

    ``pass_at`` makes it binary: 1 where F1 reaches it. The default, 1.0, wants every field right,
    which is when a record can be used as it is; ``pass_at: null`` (``pass_at=null`` on the command
    line) gives F1 itself.

    Without a reference two answers are the same only if a program would read them alike: the same
    types, both bare or fenced or inside prose.

    Raises:
        UsageError: ``pass_at`` is outside (0, 1].
    """

    name: ClassVar[str] = "json_fields"
    needs_reference: ClassVar[bool] = True
    fields: tuple[str, ...] = ()
    pass_at: float | None = 1.0
    ignore: tuple[str, ...] = ()
    by: Mapping[str, Scorer] = field(default_factory=dict)
    any_order: bool = False

    def __post_init__(self) -> None:
        if self.pass_at is not None and not 0 < self.pass_at <= 1:
            raise UsageError(f"pass_at is a share above 0 and up to 1, not {self.pass_at:g}")

    @property
    def slow(self) -> bool:
        return any(is_slow(scorer) for scorer in self.by.values())

    def score(self, answer: Answer, reference: Json, request: Mapping[str, Json]) -> Score:
        wanted_value = _record(reference)
        if wanted_value is None:
            return Score.unscored("the reference is no JSON object")
        wanted = self._leaves(wanted_value)
        if not wanted:
            return Score.unscored("the reference has none of the fields")
        found = find_json(answer.text)
        if found is None:
            return fail("the answer holds no JSON")
        said_value = aligned(found.value, wanted_value) if self.any_order else found.value
        said = self._leaves(said_value)
        parts = self._judged(said_value, wanted_value, request)
        unscored = next((p for p in parts if p.score.value is None), None)
        if unscored is not None:
            return Score.unscored(f"{unscored.path}: {unscored.score.reason}")
        wanted, said = (self._without_judged(side) for side in (wanted, said))
        shared = (wanted & said).total() + sum(p.score.value or 0.0 for p in parts)
        sizes = wanted.total() + said.total() + sum(p.sides for p in parts)
        if not sizes:
            return Score.unscored("the reference has none of the fields")
        f1 = 2 * shared / sizes
        told = _difference(wanted, said, [p.path for p in parts if p.score.value != 1])
        if self.pass_at is None:
            return Score(f1, told)
        return PASS if f1 >= self.pass_at else fail(told or "")

    def _judged(self, said: Json, wanted: Json, request: Mapping[str, Json]) -> list[Judged]:
        """The fields that have a scorer of their own and stand on at least one side."""
        found = []
        for path, scorer in self.by.items():
            if not self._is_wanted(path):
                continue
            one, other = (value_at(value, path) for value in (said, wanted))
            sides = (one is not None) + (other is not None)
            if sides == 2:
                score = scorer.score(Answer(text=as_text(one)), other, request)
                found.append(Judged(path, sides, score))
            elif sides:
                found.append(Judged(path, sides, fail("only one side has it")))
        return found

    def _without_judged(self, found: Leaves) -> Leaves:
        paths = [path for path in self.by if self._is_wanted(path)]
        return Counter({leaf: n for leaf, n in found.items() if not _under(leaf[0], paths)})

    def same(self, first: Answer, second: Answer) -> bool:
        one, other = find_json(first.text), find_json(second.text)
        if one is None or other is None:
            return one is other and (first.text or "").strip() == (second.text or "").strip()
        first_value = aligned(one.value, other.value) if self.any_order else one.value
        alike = self._leaves(first_value, typed=True) == self._leaves(other.value, typed=True)
        judged = all(value_at(first_value, path) == value_at(other.value, path) for path in self.by)
        return alike and judged and same_delivery(one, other)

    def _leaves(self, value: Json, *, typed: bool = False) -> Leaves:
        found = Counter(
            (path, f"{type(leaf).__name__} {written(leaf)}" if typed else written(leaf))
            for path, leaf in leaves(value, "")
        )
        return Counter({leaf: n for leaf, n in found.items() if self._is_wanted(leaf[0])})

    def _is_wanted(self, path: str) -> bool:
        wanted = not self.fields or _under(path, self.fields)
        return wanted and not _under(path, self.ignore)


@dataclass(frozen=True, slots=True)
class Judged:
    """A field's score by its own scorer; ``sides``: how many of answer and reference have it."""

    path: str
    sides: int
    score: Score


def value_at(value: Json, path: str) -> Json:
    """What stands at a path such as ``lines[0].total``; ``None`` where nothing does, or ``""``."""
    for name in path.replace("[", ".").replace("]", "").split("."):
        if isinstance(value, Mapping):
            value = value.get(name)
        elif isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        else:
            return None
    return value if any(True for _ in leaves(value, "")) else None


def _under(path: str, fields: Sequence[str]) -> bool:
    return any(path == f or path.startswith((f"{f}.", f"{f}[")) for f in fields)


def _record(reference: Json) -> Json:
    """The object (or list) a reference is, also where it is kept as JSON text."""
    if isinstance(reference, str):
        try:
            reference = json.loads(reference)
        except ValueError:
            return None
    return reference if isinstance(reference, (dict, list)) else None


def _difference(wanted: Leaves, said: Leaves, judged: Sequence[str]) -> str | None:
    paths = sorted({path for path, _ in (wanted - said) + (said - wanted)} | set(judged))
    return f"differs in {', '.join(paths[:5])}" if paths else None
