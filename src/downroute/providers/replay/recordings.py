"""Files of recorded answers (``.jsonl``, gzip'd or not) → an index by what was asked.

A row is ``{"id", "task", "request": {"messages", "tools"?}, "responses": {MODEL: {"completion",
"latency_s"?, "self_check"?}}}``; further keys are somebody else's business. Answers are kept as
JSON text, so that tens of thousands of rows fit into memory.
"""

from __future__ import annotations

import gzip
import json
import sys
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from downroute.errors import InputError
from downroute.prompts import request_digest
from downroute.records import BadRow, Json

KEPT_BAD_ROWS = 20
"""How many bad rows are kept to be shown; all are counted."""

_GZIP_MAGIC = b"\x1f\x8b"
_SHOWN_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class RecordedAnswer:
    """One model's answer to one row. ``completion`` is the JSON text of a chat completion;
    ``self_check`` the recorded P("yes, my answer is right") of the same model."""

    row: str
    task: str | None
    completion: bytes
    latency_s: float | None = None
    self_check: float | None = None


@dataclass(slots=True)
class Recordings:
    """Recorded answers by request digest and model; of several to one request the first stays."""

    rows: int = 0
    bad_rows: int = 0
    bad: list[BadRow] = field(default_factory=list)
    models: dict[str, int] = field(default_factory=dict)
    """Every model's number of answers, in order of appearance."""
    _by_digest: dict[str, dict[str, RecordedAnswer]] = field(default_factory=dict)

    def answers(self, digest: str) -> Mapping[str, RecordedAnswer]:
        """Each model's answer to the request with this digest; empty where there is none."""
        return self._by_digest.get(digest, {})

    def add(self, digest: str, answers: Mapping[str, RecordedAnswer]) -> None:
        known = self._by_digest.setdefault(digest, {})
        for model, answer in answers.items():
            known.setdefault(model, answer)
            self.models[model] = self.models.get(model, 0) + 1
        self.rows += 1

    def reject(self, row: BadRow) -> None:
        self.bad_rows += 1
        if len(self.bad) < KEPT_BAD_ROWS:
            self.bad.append(row)


def load(files: Iterable[Path]) -> Recordings:
    """The recordings in ``files``. A row, or one model's answer in it, that cannot be used is
    counted and kept aside with the reason; the rest is served.

    Raises:
        InputError: a file cannot be opened, or there is no usable row at all.
    """
    recordings = Recordings()
    files = list(files)
    for file in files:
        for number, line in _lines(file, recordings):
            _add_line(recordings, str(file), number, line)
    if not recordings.rows:
        names = ", ".join(map(str, files))
        first = (f" (line {b.line}: {b.reason})" for b in recordings.bad[:1])
        raise InputError(
            f"{names}: no recorded answer in it{''.join(first)}; expected rows of "
            '{"id", "request": {"messages"}, "responses": {MODEL: {"completion"}}}'
        )
    return recordings


def _lines(file: Path, recordings: Recordings) -> Iterator[tuple[int, bytes]]:
    number = 0
    try:
        with file.open("rb") as raw:
            # The first bytes decide, not the name: recordings get renamed and piped.
            zipped = raw.peek(2)[:2] == _GZIP_MAGIC
            lines: Iterable[bytes] = gzip.GzipFile(fileobj=raw) if zipped else raw
            try:
                for number, line in enumerate(lines, start=1):
                    if line.strip():
                        yield number, line
            except (EOFError, gzip.BadGzipFile, zlib.error) as fault:
                reason = f"the gzip file is damaged or cut off here: {fault}"
                recordings.reject(BadRow(str(file), number + 1, reason, ""))
    except OSError as fault:
        raise InputError(f"cannot read the recording {file}: {fault.strerror or fault}") from None


def _add_line(recordings: Recordings, source: str, number: int, line: bytes) -> None:
    shown = line[:_SHOWN_CHARACTERS].decode("utf-8", "replace").strip()

    def reject(reason: str) -> None:
        recordings.reject(BadRow(source, number, reason, shown))

    try:
        row = json.loads(line, parse_constant=_refuse_constant)
        fault = _row_fault(row)
        digest = "" if fault else request_digest(row["request"])
    except (ValueError, RecursionError) as broken:
        fault = f"not JSON: {broken}"
    if fault:
        reject(fault)
        return
    name = str(row["id"]) if row.get("id") is not None else f"{source}:{number}"
    task = sys.intern(row["task"]) if isinstance(row.get("task"), str) else None
    answers = {}
    for model, response in row["responses"].items():
        if fault := _response_fault(response):
            reject(f"responses.{model}: {fault}")
            continue
        answers[sys.intern(model)] = RecordedAnswer(
            row=name,
            task=task,
            completion=json.dumps(response["completion"], separators=(",", ":")).encode(),
            latency_s=_number(response.get("latency_s")),
            self_check=_number(response.get("self_check")),
        )
    if answers:
        recordings.add(digest, answers)


def _row_fault(row: Json) -> str | None:
    if not isinstance(row, dict):
        return f"expected an object, found {type(row).__name__}"
    request = row.get("request")
    if not isinstance(request, dict):
        return "'request' is missing or no object"
    messages = request.get("messages")
    if not isinstance(messages, list) or not any(isinstance(m, dict) for m in messages):
        return "'request.messages' is missing or no list of messages"
    if not isinstance(request.get("tools"), list | None):
        return "'request.tools' is no list"
    responses = row.get("responses")
    if not isinstance(responses, dict) or not responses:
        return "'responses' is missing or holds no model"
    return None


def _response_fault(response: Json) -> str | None:
    completion = response.get("completion") if isinstance(response, dict) else None
    if not isinstance(completion, dict):
        return "'completion' is missing or no object"
    choices = completion.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(first, dict) or not isinstance(first.get("message"), dict):
        return "'completion' has no choices[0].message"
    return None


def _number(value: Json) -> float | None:
    known = isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0
    return float(value) if known else None


def _refuse_constant(name: str) -> Json:
    raise ValueError(f"{name} is not a JSON number")
