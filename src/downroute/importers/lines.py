"""A log file → its rows: JSON Lines, plain or gzip'd, and JSON files that hold a list.

Whatever cannot be read as a row becomes a `BadRow` with its line and the reason; only a file that
cannot be read at all is an error. Memory stays within one line (64 MiB at most), or within one
file where it is a JSON list (256 MiB at most).
"""

from __future__ import annotations

import codecs
import gzip
import io
import json
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import msgspec

from downroute.errors import InputError
from downroute.records import BadRow, Json

MAX_LINE_BYTES = 64 * 2**20
MAX_LIST_BYTES = 256 * 2**20
_KEPT_CHARACTERS = 10_000
_GZIP_MAGIC = b"\x1f\x8b"


class Row(NamedTuple):
    """One JSON object of a log, the line it stood on (in a list: its place, from 1), and that
    line's text (``None`` where it had no line of its own)."""

    source: str
    line: int
    value: dict[str, Json]
    text: bytes | None = None


def read_rows(path: Path) -> Iterator[Row | BadRow]:
    """The rows of one file, lazily.

    Raises:
        InputError: the file cannot be opened, or is not text downroute can read.
    """
    with _opened(path) as stream:
        if path.name.removesuffix(".gz").endswith(".json"):
            yield from _json_file(path, stream)
        else:
            yield from _lines(str(path), stream)


def bad(row: Row, reason: str) -> BadRow:
    """A row that was read but cannot be used."""
    text = json.dumps(row.value).encode() if row.text is None else row.text
    return BadRow(row.source, row.line, reason, _kept(text))


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    with ExitStack() as stack:
        try:
            stream: Any = stack.enter_context(path.open("rb"))
            if stream.peek(2)[:2] == _GZIP_MAGIC:
                stream = stack.enter_context(gzip.GzipFile(fileobj=stream, mode="rb"))
            head = stream.peek(2)[:2]
        except (OSError, EOFError, zlib.error) as fault:
            reason = getattr(fault, "strerror", None) or fault
            raise InputError(f"{path}: cannot be read ({reason})") from None
        if head in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            raise InputError(f"{path}: this is UTF-16 text; save it as UTF-8")
        yield stream


def _lines(source: str, stream: IO[bytes]) -> Iterator[Row | BadRow]:
    line = 0
    while True:
        try:
            raw = stream.readline(MAX_LINE_BYTES + 1)
            cut = len(raw) > MAX_LINE_BYTES
            rest = raw
            while cut and rest and not rest.endswith(b"\n"):
                rest = stream.readline(2**20)
        except (EOFError, zlib.error, OSError) as fault:
            yield BadRow(source, line + 1, f"damaged or cut short from here on ({fault})", "")
            return
        if not raw:
            return
        line += 1
        text = raw.removeprefix(codecs.BOM_UTF8).strip()
        if cut:
            reason = f"the line is longer than {MAX_LINE_BYTES // 2**20} MiB"
            yield BadRow(source, line, reason, _kept(text))
        elif text:
            yield _row(source, line, text)


def _row(source: str, line: int, text: bytes) -> Row | BadRow:
    try:
        value = parse(text)
    except ValueError as fault:
        return BadRow(source, line, str(fault), _kept(text))
    if not isinstance(value, dict):
        return BadRow(source, line, f"not a JSON object but {_kind(value)}", _kept(text))
    return Row(source, line, value, text)


def _json_file(path: Path, stream: IO[bytes]) -> Iterator[Row | BadRow]:
    try:
        data = stream.read(MAX_LIST_BYTES + 1)
    except (EOFError, zlib.error, OSError) as fault:
        raise InputError(f"{path}: damaged or cut short ({fault}); restore it") from None
    if len(data) > MAX_LIST_BYTES:
        raise InputError(
            f"{path}: longer than {MAX_LIST_BYTES // 2**20} MiB; write it as JSON Lines (.jsonl)"
        )
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        value = parse(data)
    except ValueError as fault:
        if not _is_object(data.lstrip().partition(b"\n")[0]):
            raise InputError(f"{path}: {fault}; mend it or write it as JSON Lines") from None
        # Many a .json file holds JSON Lines.
        yield from _lines(str(path), io.BytesIO(data))
        return
    for place, item in enumerate(_items(value), start=1):
        if isinstance(item, dict):
            yield Row(str(path), place, item)
        else:
            reason = f"not a JSON object but {_kind(item)}"
            yield BadRow(str(path), place, reason, _kept(json.dumps(item).encode()))


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(parse(line), dict)
    except ValueError:
        return False


def _items(value: Json) -> Iterable[Json]:
    """A list's items; the page of a list endpoint (``{"object": "list", "data": []}``) is one."""
    if isinstance(value, dict) and value.get("object") == "list":
        value = value.get("data")
    return value if isinstance(value, list) else [value]


def parse(text: bytes) -> Json:
    """JSON as logs write it: NaN and the infinities read as null, half surrogates stay.

    Raises:
        ValueError: not JSON; says what is wrong and where, without quoting the text.
    """
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return json.loads(text.decode("utf-8"), parse_constant=lambda _: None)
    except UnicodeDecodeError as fault:
        raise ValueError(f"not UTF-8 text (byte {fault.start + 1})") from None
    except json.JSONDecodeError as fault:
        raise ValueError(f"not JSON: {fault.msg} (character {fault.pos + 1})") from None
    except RecursionError:
        raise ValueError("JSON nested too deep") from None
    except ValueError:
        raise ValueError("a number with too many digits") from None


def _kept(text: bytes) -> str:
    return text[: 4 * _KEPT_CHARACTERS].decode("utf-8", "replace")[:_KEPT_CHARACTERS]


def _kind(value: Json) -> str:
    names = {list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
