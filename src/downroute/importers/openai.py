"""OpenAI's own log shapes in any mix: chat JSONL and batch files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import structs

from downroute.errors import InputError
from downroute.importers import openai_batch, openai_chat
from downroute.importers.first_rows import first_rows
from downroute.importers.identity import Identities, source_id
from downroute.importers.lines import Row, bad, read_rows
from downroute.records import BadRow, Call, Json

_KINDS: Mapping[str, Callable[[Mapping[str, Json]], bool]] = {
    "chat": openai_chat.fits,
    "batch input": openai_batch.is_input,
    "batch output": openai_batch.is_output,
}


def fits(row: Mapping[str, Json]) -> bool:
    """True for a row of one of these shapes."""
    return _kind(row) is not None


def read_openai(paths: Sequence[Path], served: str | None = None) -> Iterator[Call | BadRow]:
    """The calls in chat and batch files: chat files in the order given, then the joined batches.

    ``served`` answered where a row does not name its model.
    """
    kinds = {path: _kind_of_file(path) for path in paths}

    def of(kind: str) -> list[Path]:
        return [path for path in paths if kinds[path] == kind]

    identities = Identities()
    for path in of("chat"):
        for row in read_rows(path):
            yield row if isinstance(row, BadRow) else _chat_call(row, served, identities)
    inputs, outputs = of("batch input"), of("batch output")
    if inputs or outputs:
        yield from openai_batch.read_batches(inputs, outputs, served, identities)


def _chat_call(row: Row, served: str | None, identities: Identities) -> Call | BadRow:
    try:
        call = openai_chat.call_from_row(row.value, served)
        own_id = source_id(row.value.get("id"))
        return structs.replace(call, id=identities.of(call, own_id, row.value))
    except InputError as fault:
        return bad(row, str(fault))
    except RecursionError:
        return bad(row, "JSON nested too deep")


def _kind_of_file(path: Path) -> str:
    """What the first row that is of any kind is of; "chat" where none is, so that each row is
    rejected for what it lacks."""
    rows: Iterable[Row] = first_rows(path)
    return next((kind for row in rows if (kind := _kind(row.value))), "chat")


def _kind(row: Mapping[str, Json]) -> str | None:
    return next((kind for kind, fits in _KINDS.items() if fits(row)), None)
