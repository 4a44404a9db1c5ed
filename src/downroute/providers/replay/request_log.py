"""One JSON line per chat request served, so that another program can recompute what it cost."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO

from downroute.errors import UsageError
from downroute.records import Json


@dataclass(slots=True)
class Served:
    """One chat request and what became of it. ``usage`` is the completion's own block, ``None``
    where nothing was answered; ``status`` ``None`` where the connection was cut before one was
    sent; ``complete`` is false where the client did not get all of the reply. ``row`` and ``task``
    are the recorded row's."""

    id: str
    at: float = field(default_factory=time.time)
    model: str | None = None
    digest: str | None = None
    task: str | None = None
    row: str | None = None
    status: int | None = None
    stream: bool = False
    usage: Json = None
    latency_s: float | None = None
    complete: bool = True
    fault: str | None = None


class RequestLog:
    """Appends to ``path``; writes nowhere where it is ``None``. A line is handed to the system
    before the reply's last byte, so whoever has an answer finds its line."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    def __enter__(self) -> RequestLog:
        if self._path is not None:
            try:
                self._file = self._path.open("ab", buffering=0)
            except OSError as fault:
                raise UsageError(
                    f"cannot write --log {self._path}: {fault.strerror}; name another file"
                ) from None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, served: Served) -> None:
        if self._file is not None:
            self._file.write(json.dumps(asdict(served)).encode() + b"\n")
