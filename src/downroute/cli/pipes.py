"""Output whose reader may go away, as ``| head`` does: what is being done is done to its end."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class Unhurt(io.FileIO):
    """A pipe that swallows what nobody reads any more."""

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            return super().write(data)


def outlive_readers() -> None:
    """From now on standard output and error can be written to whether or not anybody reads: pages,
    policies and what was paid for must not depend on it."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if not isinstance(stream, io.TextIOWrapper):
            continue  # closed, or somebody else's
        stream.flush()
        raw = Unhurt(stream.fileno(), "w", closefd=False)
        # PYTHONUNBUFFERED asks for every write to be seen at once.
        unhurt = io.TextIOWrapper(
            raw if stream.write_through else io.BufferedWriter(raw),
            encoding=stream.encoding,
            errors=stream.errors,
            line_buffering=stream.line_buffering,
            write_through=stream.write_through,
        )
        setattr(sys, name, unhurt)
