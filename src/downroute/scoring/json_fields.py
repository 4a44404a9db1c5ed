"""The answer's JSON fields are the reference's."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from downroute.answers.final_value import as_text
from downroute.answers.json_value import find_json
from downroute.answers.label import label
from downroute.answers.same import same_delivery
from downroute.errors import UsageError
from downroute.records import Answer, Json, Score
from downroute.scoring.scorer import PASS, Scorer, fail, is_slow

Leaves = Counter[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class JsonFields:
    """How well the answer's object matches the reference object, field by field.

    Every value counts once, under its path: F1 of the values that both have. Strings are compared
    as labels (white space, case and closing punctuation do not count), numbers by value, also
    where one is written as a string; ``null``, ``""`` and empty lists equal a missing field. Lists
    of plain values match in any order, lists of objects by position. ``fields`` restricts the
    comparison to these fields (paths such as ``total`` or ``customer.name``, with all below them),
    ``ignore`` leaves some out. ``by`` names a scorer for single fields, such as ``{summary:
    token_f1}``. Such a field counts as one value, with the score that it gets.

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
        said = self._leaves(found.value)
        parts = self._judged(found.value, wanted_value, request)
        unscored = next((p for p in parts if p.score.value is None), None)
        if unscored is not None:
            return Score.unscored(f"{unscored.path}: {unscored.score.reason}")
        wanted, said = (self._without_judged(leaves) for leaves in (wanted, said))
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

    def _without_judged(self, leaves: Leaves) -> Leaves:
        paths = [path for path in self.by if self._is_wanted(path)]
        return Counter({leaf: n for leaf, n in leaves.items() if not _under(leaf[0], paths)})

    def same(self, first: Answer, second: Answer) -> bool:
        one, other = find_json(first.text), find_json(second.text)
        if one is None or other is None:
            return one is other and (first.text or "").strip() == (second.text or "").strip()
        alike = self._leaves(one.value, typed=True) == self._leaves(other.value, typed=True)
        judged = all(value_at(one.value, path) == value_at(other.value, path) for path in self.by)
        return alike and judged and same_delivery(one, other)

    def _leaves(self, value: Json, *, typed: bool = False) -> Leaves:
        leaves = Counter(
            (path, f"{type(leaf).__name__} {_written(leaf)}" if typed else _written(leaf))
            for path, leaf in _leaves(value, "")
        )
        return Counter({leaf: n for leaf, n in leaves.items() if self._is_wanted(leaf[0])})

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
    return value if any(True for _ in _leaves(value, "")) else None


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


def _leaves(value: Json, path: str) -> Iterator[tuple[str, Json]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            nested = isinstance(inner, (Mapping, list, tuple))
            yield from _leaves(inner, f"{path}[{index}]" if nested else f"{path}[]")
    elif value is not None and value != "":
        yield path, value


def _written(value: Json) -> str:
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


def _difference(wanted: Leaves, said: Leaves, judged: Sequence[str]) -> str | None:
    paths = sorted({path for path, _ in (wanted - said) + (said - wanted)} | set(judged))
    return f"differs in {', '.join(paths[:5])}" if paths else None
