"""Pairs that need a person, as a file to fill in: one JSON object a line.

Each line holds the request and the two answers, blind: which side is the candidate stands in the
store and nowhere in the file. ``grade`` is filled in with ``a``, ``b``, ``both`` or ``neither``
(who answered well); a line left ``null`` is not graded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from downroute.errors import InputError, UsageError, unreadable
from downroute.prompts import content_text, messages, tool_schemas
from downroute.records import Answer, Example, Json, Measurement
from downroute.store.blinding import PREFIX, Blinded
from downroute.study.pairs import Pair, PairScore, shown

_OLD_KEY = re.compile(r"[0-9a-f]{8}[0-9a-z]*")
"""What stood for a pair before sides were drawn: its key, whose first digits gave the side."""

Sides = Callable[[str], Blinded | None]
"""The pair behind an id, as the store knows it."""

GRADES: Mapping[str, PairScore] = {
    "a": (1.0, 0.0),
    "b": (0.0, 1.0),
    "both": (1.0, 1.0),
    "neither": (0.0, 0.0),
}
"""What each grade means for (answer_a, answer_b)."""


def grading_rows(
    pairs: Sequence[Pair],
    examples: Sequence[Example],
    measured: Sequence[Measurement],
    sides: Sequence[Blinded],
) -> list[dict[str, Json]]:
    """The blinded pairs of one task that wait for a grade, in the order of ``sides``."""
    example_of = {e.id: e for e in examples}
    answer_of = {m.example_id: m.answer for m in measured}
    pair_of = {p.key: p for p in pairs}
    rows = []
    for side in sides:
        pair = pair_of[side.pair]
        example = example_of[pair.example_id]
        answers: list[Answer | None] = [example.baseline_answer, answer_of[pair.example_id]]
        if side.candidate_first:
            answers.reverse()
        rows.append(
            {
                "pair": side.id,
                "task": side.task,
                "request": _readable(example),
                "answer_a": shown(answers[0]),
                "answer_b": shown(answers[1]),
                "grade": None,
                "grades": "a | b | both | neither (which answers are good), null = not graded",
            }
        )
    return rows


def scores_of(word: str, *, candidate_first: bool) -> PairScore:
    """What a grade (one of `GRADES`) of a pair with these sides says of (baseline, candidate)."""
    first, second = GRADES[word]
    return (second, first) if candidate_first else (first, second)


def write_grading_file(path: Path, rows: Iterable[Mapping[str, Json]]) -> int:
    """Write the rows; returns how many.

    Raises:
        InputError: the file cannot be written.
    """
    lines = [_line(row) for row in rows]
    try:
        path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    except OSError as fault:
        raise InputError(f"{path}: cannot be written: {fault.strerror}") from None
    return len(lines)


def refuse_existing(path: Path) -> None:
    """Grades take people hours, so no file is written over.

    Raises:
        UsageError: there is such a file.
    """
    if path.exists():
        raise UsageError(
            f"{path} exists and may hold grades; read it with --grades {path}, or name another file"
        )


def read_grading_file(path: Path, sides: Sides) -> list[tuple[str, str, PairScore]]:
    """(task, pair id, (baseline's score, candidate's score)) of every graded line.

    Raises:
        InputError: unreadable, or a line is no grade; with file:line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise InputError(f"{path}: cannot be read: {unreadable(fault)}") from None
    grades = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            entry = _graded_line(line, f"{path}:{number}", sides)
            if entry is not None:
                grades.append(entry)
    return grades


def _graded_line(line: str, where: str, sides: Sides) -> tuple[str, str, PairScore] | None:
    try:
        row = json.loads(line)
    except ValueError as fault:
        raise InputError(f"{where}: not JSON: {fault}") from None
    if not isinstance(row, dict):
        raise InputError(f"{where}: no JSON object; fill in the file that --export-grades wrote")
    task, key, candidate_first = _side(row, where, sides)
    grade = row.get("grade")
    if grade is None:
        return None
    if not isinstance(grade, str) or grade.strip().lower() not in GRADES:
        raise InputError(f"{where}: 'grade' is {grade!r}; write a, b, both, neither or null")
    return task, key, scores_of(grade.strip().lower(), candidate_first=candidate_first)


def _side(row: Mapping[str, Json], where: str, sides: Sides) -> tuple[str, str, bool]:
    """(task, pair's key, whether the candidate is answer A) of a row."""
    name = row.get("pair")
    if isinstance(name, str) and name.startswith(PREFIX):
        blinded = sides(name)
        if blinded is None:
            raise InputError(f"{where}: this store exported no pair {name!r}; name its --store")
        return blinded.task, blinded.pair, blinded.candidate_first
    if not isinstance(name, str) or not _OLD_KEY.fullmatch(name):
        raise InputError(f"{where}: no 'pair'; fill in the file that --export-grades wrote")
    return str(row.get("task", "")), name, int(name[:8], 16) % 2 == 0


def _line(row: Mapping[str, Json]) -> str:
    """The row as one line; characters that no file can hold as they are, are escaped."""
    line = json.dumps(row, ensure_ascii=False)
    try:
        line.encode()
    except UnicodeEncodeError:
        return json.dumps(row)
    return line


def _readable(example: Example) -> Json:
    lines: list[Json] = [
        {"role": m.get("role"), "content": content_text(m.get("content"))}
        for m in messages(example.request)
    ]
    offered = sorted(tool_schemas(example.request))
    return {"messages": lines, **({"tools": offered} if offered else {})}
