"""Recordings: one row per request with several models' answers and what was thought of them.

``{"id", "task", "slice"?, "request": {"messages", "tools"?}, "schema"?, "reference",
"responses": {MODEL: {"completion": {"model", "choices", "usage"}, "score", "self_check"?,
"latency_s"?, "usage_estimated"?}}}``. One model's answers become the log; every model's score
and self-check are kept beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec import structs

from downroute.answers.openai_chat import answer_digest, usage_from_completion
from downroute.errors import InputError
from downroute.importers.fields import mapping, number, text
from downroute.importers.first_rows import first_rows
from downroute.importers.identity import Identities, source_id
from downroute.importers.lines import Row, bad, read_rows
from downroute.importers.openai_chat import answer_of, checked_messages, checked_request
from downroute.prompts import digest, request_digest
from downroute.records import Answer, BadRow, Call, Json, RecordedScore, Usage

SOURCE = "recording"


def fits(row: Mapping[str, Json]) -> bool:
    """True for a row of this format."""
    return isinstance(row.get("responses"), Mapping) and isinstance(row.get("request"), Mapping)


def read_recordings(
    paths: Sequence[Path], served: str | None = None
) -> Iterator[Call | RecordedScore | BadRow]:
    """For each row the call that ``served`` answered, then every model's recorded score.

    Raises:
        InputError: at once, where ``served`` is needed and not given, or answers in no file.
    """
    return _read(paths, _served(paths, served))


@dataclass(frozen=True, slots=True)
class RecordedAnswer:
    """One model's answer to one row, with what its source said of it; ``None`` = not recorded."""

    answer: Answer
    usage: Usage
    score: float | None
    self_check: float | None
    latency_s: float | None
    snapshot: str | None


@dataclass(frozen=True, slots=True)
class RecordedRow:
    """One request with every model's answer, by model."""

    task: str
    row: str
    request: Mapping[str, Json]
    reference: Json
    slice: str | None
    answers: Mapping[str, RecordedAnswer]


def read_answers(paths: Sequence[Path]) -> Iterator[RecordedRow | BadRow]:
    """Every row with all its answers; an answer that cannot be read is left out and reported."""
    for path in paths:
        for row in read_rows(path):
            if isinstance(row, BadRow):
                yield row
                continue
            try:
                yield from _answers(row)
            except InputError as fault:
                yield bad(row, str(fault))
            except RecursionError:
                yield bad(row, "JSON nested too deep")


def _answers(row: Row) -> Iterator[RecordedRow | BadRow]:
    if not fits(row.value):
        raise InputError("no recording: request and responses are needed")
    answers: dict[str, RecordedAnswer] = {}
    for model, kept in row.value["responses"].items():
        response = mapping(kept)
        completion = mapping(response.get("completion"))
        usage = usage_from_completion(completion)
        try:
            answers[str(model)] = RecordedAnswer(
                answer_of(completion),
                structs.replace(usage, estimated=response.get("usage_estimated") is True),
                _share(response, "score"),
                _share(response, "self_check"),
                number(response.get("latency_s")),
                text(completion.get("model")),
            )
        except InputError as fault:
            yield bad(row, f"{model}: {fault}")
    yield RecordedRow(
        text(row.value.get("task")) or "recording",
        _row_id(row.value),
        _request(row.value),
        row.value.get("reference"),
        text(row.value.get("slice")),
        answers,
    )


def _served(paths: Sequence[Path], served: str | None) -> str:
    found: dict[str, None] = {}
    for path in paths:
        for row in first_rows(path):
            found.update(dict.fromkeys(mapping(row.value.get("responses"))))
    names = ", ".join(found) or "none"
    where = str(paths[0]) if len(paths) == 1 else f"{len(paths)} recordings"
    if served is None and len(found) != 1:
        raise InputError(
            f"{where}: several models answered ({names}); "
            "name the one whose answers are the log with --served"
        )
    if served is not None and served not in found:
        raise InputError(f"{where}: no answers by {served!r}; the models there: {names}")
    return served or next(iter(found))


def _read(paths: Sequence[Path], served: str) -> Iterator[Call | RecordedScore | BadRow]:
    identities = Identities()
    for path in paths:
        for row in read_rows(path):
            if isinstance(row, BadRow):
                yield row
                continue
            try:
                yield from _items(row, served, identities)
            except InputError as fault:
                yield bad(row, str(fault))
            except RecursionError:
                yield bad(row, "JSON nested too deep")


def _items(
    row: Row, served: str, identities: Identities
) -> Iterator[Call | RecordedScore | BadRow]:
    if not fits(row.value):
        raise InputError("no recording: request and responses are needed")
    request = _request(row.value)
    asked = request_digest(request)
    responses = {str(k): mapping(v) for k, v in row.value["responses"].items()}
    if served not in responses:
        yield bad(row, f"{served} did not answer this row")
    for model, response in responses.items():
        try:
            if model == served:
                yield _call(row.value, request, model, response, identities)
            yield _score(row.value, asked, model, response)
        except InputError as fault:
            yield bad(row, f"{model}: {fault}")


def _request(row: Mapping[str, Json]) -> dict[str, Json]:
    request: dict[str, Any] = {k: v for k, v in row["request"].items() if k != "model"}
    request["messages"] = list(checked_messages(request.get("messages")))
    schema = row.get("schema")
    if isinstance(schema, Mapping) and "response_format" not in request:
        request["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": _schema_name(row), "schema": schema},
        }
    return checked_request(request)


def _schema_name(row: Mapping[str, Json]) -> str:
    """The task's name in the letters OpenAI allows for a schema's name."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", text(row.get("task")) or "answer")[:64]


def _call(
    row: Mapping[str, Json],
    request: dict[str, Json],
    model: str,
    response: Mapping[str, Json],
    identities: Identities,
) -> Call:
    completion = mapping(response.get("completion"))
    usage = usage_from_completion(completion)
    task = text(row.get("task"))
    call = Call(
        id="",
        source=SOURCE,
        model=model,
        request=request,
        answer=answer_of(completion),
        task=task,
        row=_row_id(row),
        reference=row.get("reference"),
        slice=text(row.get("slice")),
        snapshot=text(completion.get("model")),
        latency_s=number(response.get("latency_s")),
        usage=structs.replace(usage, estimated=response.get("usage_estimated") is True),
    )
    own_id = source_id(row.get("id"))
    named = None if own_id is None else f"{task or 'recording'}/{own_id}"
    return structs.replace(call, id=identities.of(call, named, row))


def _score(
    row: Mapping[str, Json], asked: str, model: str, response: Mapping[str, Json]
) -> RecordedScore:
    return RecordedScore(
        task=text(row.get("task")) or "",
        row=_row_id(row),
        model=model,
        request_digest=asked,
        answer_digest=answer_digest(answer_of(mapping(response.get("completion")))),
        score=_share(response, "score"),
        self_check=_share(response, "self_check"),
    )


def _share(response: Mapping[str, Json], key: str) -> float | None:
    value = response.get(key)
    if value is None:
        return None
    if not isinstance(value, (bool, int, float)) or not 0 <= value <= 1:
        raise InputError(f"its {key} is no number from 0 to 1")
    return float(value)


def _row_id(row: Mapping[str, Json]) -> str:
    return source_id(row.get("id")) or digest(row)[:32]
