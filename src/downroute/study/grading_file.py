"""Pairs that need a person, as a file to fill in: one JSON object a line.

Each line holds the request and the two answers, blind: which side is the candidate follows from
the pair's id and is not in the file. ``grade`` is filled in with ``a``, ``b``, ``both`` or
``neither`` (who answered well); a line left ``null`` is not graded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from downroute.errors import InputError, UsageError
from downroute.prompts import content_text, messages, tool_schemas
from downroute.records import Answer, Example, Json, Measurement
from downroute.study.pairs import Pair, PairScore, shown

_KEY = re.compile(r"[0-9a-f]{8}[0-9a-z]*")

GRADES: Mapping[str, PairScore] = {
    "a": (1.0, 0.0),
    "b": (0.0, 1.0),
    "both": (1.0, 1.0),
    "neither": (0.0, 0.0),
}
"""What each grade means for (answer_a, answer_b)."""


def grading_rows(
    task: str, pairs: Sequence[Pair], examples: Sequence[Example], measured: Sequence[Measurement]
) -> list[dict[str, Json]]:
    """The pairs of one task that wait for a grade, those sampled first first."""
    example_of = {e.id: e for e in examples}
    answer_of = {m.example_id: m.answer for m in measured}
    rows = []
    for pair in pairs:
        if not pair.to_grade:
            continue
        example = example_of[pair.example_id]
        sides: list[Answer | None] = [example.baseline_answer, answer_of[pair.example_id]]
        if candidate_is_a(pair.key):
            sides.reverse()
        rows.append(
            {
                "pair": pair.key,
                "task": task,
                "request": _readable(example),
                "answer_a": shown(sides[0]),
                "answer_b": shown(sides[1]),
                "grade": None,
                "grades": "a | b | both | neither (which answers are good), null = not graded",
            }
        )
    return rows


def candidate_is_a(key: str) -> bool:
    """Which side the candidate stands on: fixed by the pair's id, even over all pairs."""
    return int(key[:8], 16) % 2 == 0


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


def read_grading_file(path: Path) -> list[tuple[str, str, PairScore]]:
    """(task, pair id, (baseline's score, candidate's score)) of every graded line.

    Raises:
        InputError: unreadable, or a line is no grade; with file:line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise InputError(f"{path}: cannot be read: {fault}") from None
    grades = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            entry = _graded_line(line, f"{path}:{number}")
            if entry is not None:
                grades.append(entry)
    return grades


def _graded_line(line: str, where: str) -> tuple[str, str, PairScore] | None:
    try:
        row = json.loads(line)
    except ValueError as fault:
        raise InputError(f"{where}: not JSON: {fault}") from None
    key = row.get("pair") if isinstance(row, dict) else None
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise InputError(f"{where}: no 'pair'; fill in the file that --export-grades wrote")
    grade = row.get("grade")
    if grade is None:
        return None
    if not isinstance(grade, str) or grade.strip().lower() not in GRADES:
        raise InputError(f"{where}: 'grade' is {grade!r}; write a, b, both, neither or null")
    first, second = GRADES[grade.strip().lower()]
    score = (second, first) if candidate_is_a(key) else (first, second)
    return str(row.get("task", "")), key, score


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
