"""OpenAI batch files: requests in one file, answers in another, joined on ``custom_id``.

The inputs wait in a temporary SQLite file, which the system removes by itself, so that neither
the size nor the order of the files matters. An output in the input's own folder goes first: every
batch may number its requests from 1.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, cast

from msgspec import structs

from downroute.answers.openai_chat import usage_from_completion
from downroute.errors import InputError
from downroute.importers.fields import instant, mapping, text
from downroute.importers.identity import Identities, source_id
from downroute.importers.lines import Row, bad, parse, read_rows
from downroute.importers.openai_chat import answer_of, checked_messages, checked_request, described
from downroute.records import BadRow, Call, Json, Usage


def is_input(row: Mapping[str, Json]) -> bool:
    """True for a row of a batch input file."""
    return text(row.get("custom_id")) is not None and isinstance(row.get("body"), Mapping)


def is_output(row: Mapping[str, Json]) -> bool:
    """True for a row of a batch output or error file."""
    named = text(row.get("custom_id")) is not None
    return named and "body" not in row and ("response" in row or "error" in row)


def read_batches(
    inputs: Sequence[Path], outputs: Sequence[Path], served: str | None, identities: Identities
) -> Iterator[Call | BadRow]:
    """The calls of batch files, in the order of their outputs, then what found no partner."""
    with closing(_Inputs()) as waiting:
        for path in inputs:
            for row in read_rows(path):
                if isinstance(row, BadRow):
                    yield row
                elif not is_input(row.value):
                    yield bad(row, "not a batch request: custom_id and body are needed")
                else:
                    waiting.put(row)
        for path in outputs:
            for row in read_rows(path):
                yield row if isinstance(row, BadRow) else _joined(row, waiting, served, identities)
        yield from waiting.unanswered()


def _joined(
    row: Row, waiting: _Inputs, served: str | None, identities: Identities
) -> Call | BadRow:
    if not is_output(row.value):
        return bad(row, "not a batch result: custom_id and response or error are needed")
    try:
        request = waiting.take(row.value["custom_id"], row.source)
        call = _call(row.value, request, served)
        answered = mapping(mapping(row.value.get("response")).get("body"))
        own_id = source_id(answered.get("id")) or source_id(row.value.get("id"))
        return structs.replace(call, id=identities.of(call, own_id, row.value))
    except InputError as fault:
        return bad(row, str(fault))
    except RecursionError:
        return bad(row, "JSON nested too deep")


def _call(output: Mapping[str, Json], request: Mapping[str, Json], served: str | None) -> Call:
    body = mapping(request["body"])
    url = text(request.get("url"))
    if url is not None and not url.rstrip("/").endswith("/chat/completions"):
        raise InputError(f"a batch of {url[:100]} is no batch of chat completions")
    asked = {k: v for k, v in body.items() if k != "model" and v is not None}
    asked["messages"] = list(checked_messages(body.get("messages")))
    response = mapping(output.get("response"))
    completion = mapping(response.get("body"))
    error = _error(output, response, completion)
    call = described(
        checked_request(asked),
        body,
        text(completion.get("model")) or served,
        answer=None if error else answer_of(completion),
        usage=Usage() if error else usage_from_completion(completion),
    )
    status = response.get("status_code")
    return structs.replace(
        call,
        row=text(output.get("custom_id")),
        snapshot=text(completion.get("model")),
        started_at=instant(completion.get("created")),
        status=status if isinstance(status, int) else None,
        error=error,
    )


def _error(
    output: Mapping[str, Json], response: Mapping[str, Json], completion: Mapping[str, Json]
) -> str | None:
    """What went wrong, "kind: message"; ``None`` where the call was answered."""
    stated = mapping(output.get("error")) or mapping(completion.get("error"))
    status = response.get("status_code")
    failed = isinstance(status, int) and status >= 400
    if not stated and not failed and completion:
        return None
    kind = text(stated.get("code")) or text(stated.get("type"))
    kind = kind or (f"HTTP {status}" if failed else "no response")
    message = text(stated.get("message"))
    return f"{kind}: {message}" if message else kind


class _Inputs:
    """The requests of batch input files until their results turn up."""

    def __init__(self) -> None:
        self._file = sqlite3.connect("", isolation_level=None)
        self._execute("PRAGMA journal_mode = OFF")
        self._execute(
            "CREATE TABLE inputs (n INTEGER PRIMARY KEY, source TEXT, line INTEGER, "
            "custom_id BLOB, text BLOB, answered INTEGER NOT NULL DEFAULT 0)"
        )
        self._execute("CREATE INDEX by_id ON inputs (custom_id)")

    def put(self, row: Row) -> None:
        text = json.dumps(row.value).encode() if row.text is None else row.text
        self._execute(
            "INSERT INTO inputs (source, line, custom_id, text) VALUES (?, ?, ?, ?)",
            (os.fsencode(row.source), row.line, _key(row.value["custom_id"]), text),
        )

    def take(self, custom_id: str, output: str) -> dict[str, Json]:
        """The request that an output row in the file ``output`` answers.

        Raises:
            InputError: there is none, or more than one that it may be.
        """
        key = _key(custom_id)
        found = self._execute(
            "SELECT n, source, line, text FROM inputs WHERE custom_id = ? ORDER BY n", (key,)
        )
        folder = Path(output).parent
        beside = [row for row in found if Path(os.fsdecode(row[1])).parent == folder]
        candidates = beside or found
        if not candidates:
            raise InputError("no request: no batch input given has this custom_id")
        if len({row[3] for row in candidates}) > 1:
            places = ", ".join(f"{os.fsdecode(row[1])}:{row[2]}" for row in candidates[:3])
            raise InputError(
                f"its custom_id stands in more than one batch input ({places}); "
                "import each batch on its own"
            )
        self._execute("UPDATE inputs SET answered = 1 WHERE n = ?", (candidates[0][0],))
        return cast("dict[str, Json]", parse(candidates[0][3]))

    def unanswered(self) -> Iterator[BadRow]:
        """The requests nothing answered, in the order they were read."""
        reason = "no answer: no batch output or error file given has this custom_id"
        cursor = self._file.execute(
            "SELECT source, line, text FROM inputs AS i WHERE NOT EXISTS (SELECT 1 FROM inputs "
            "WHERE custom_id = i.custom_id AND text = i.text AND answered) ORDER BY n"
        )
        for source, line, row in cursor:
            yield bad(Row(os.fsdecode(source), line, {}, row), reason)

    def close(self) -> None:
        self._file.close()

    def _execute(self, statement: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        try:
            return self._file.execute(statement, values).fetchall()
        except sqlite3.Error as fault:
            raise InputError(
                f"joining batch files needs room in the folder for temporary files: {fault}; "
                "free some or name another folder with SQLITE_TMPDIR"
            ) from None


def _key(custom_id: str) -> bytes:
    return custom_id.encode("utf-8", "surrogatepass")
