"""Users' own redaction patterns, applied where they can hold up nobody.

A regular expression of Python's can take longer than the world lasts ("(a+)+$" on a row of a's),
and neither another thread runs meanwhile nor can anybody end it. So they run in a process of their
own, which the kernel ends once a text has cost it too much; the text is then lost, not kept as it
was.
"""

from __future__ import annotations

import json
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from downroute.store import pattern_process

_WALL_S = 20.0
"""When a process is given up that gets no processor at all."""
_WINDOW_S = 60.0


class OwnPatterns:
    """``patterns`` are known to compile. ``patience_s`` bounds what texts that take too long may
    cost together in a minute: beyond, texts are dropped untried until it is over; ``None`` =
    without bound. ``dropped`` hears of each. Any thread may use it; one text at a time."""

    def __init__(
        self,
        patterns: Sequence[str],
        patience_s: float | None = None,
        dropped: Callable[[], None] = lambda: None,
    ) -> None:
        self._patterns = tuple(patterns)
        self._patience_s = patience_s
        self._dropped = dropped
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._window_began = 0.0
        self._wasted_s = 0.0

    def replaced(self, text: str) -> str | None:
        """``text`` with every match replaced; ``None`` where that took too long."""
        if not self._patterns:
            return text
        with self._lock:
            found = None if self._out_of_patience() else self._asked(text)
        if found is None:
            self._dropped()
        return found

    def close(self) -> None:
        """End the process. A later text starts another."""
        with self._lock:
            self._end()

    def _out_of_patience(self) -> bool:
        now = time.monotonic()
        if now - self._window_began >= _WINDOW_S:
            self._window_began, self._wasted_s = now, 0.0
        return self._patience_s is not None and self._wasted_s >= self._patience_s

    def _asked(self, text: str) -> str | None:
        began = time.monotonic()
        message = json.dumps(text).encode() + b"\n"
        line = None
        try:
            process = self._running()
            _send(process, message)
            line = _line(process, began + _WALL_S)
        except OSError:
            pass
        if line is None:
            self._end()
            self._wasted_s += time.monotonic() - began
            return None
        replaced: str = json.loads(line)
        return replaced

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._process = _started(self._patterns)
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with suppress(OSError):
                        pipe.close()


def _started(patterns: Sequence[str]) -> subprocess.Popen[bytes]:
    """Started with nothing but the standard library's core, in a session of its own so that Ctrl-C
    is not meant for it; it ends when its stdin does."""
    process = subprocess.Popen(  # noqa: S603 - our own file
        [sys.executable, "-I", "-S", str(Path(pattern_process.__file__))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
        start_new_session=True,
    )
    _send(process, json.dumps(patterns).encode() + b"\n")
    return process


def _send(process: subprocess.Popen[bytes], message: bytes) -> None:
    assert process.stdin is not None
    rest = memoryview(message)
    while rest:
        rest = rest[process.stdin.write(rest) :]


def _line(process: subprocess.Popen[bytes], ends_at: float) -> bytes | None:
    """The next line; ``None`` where the process or the time ended before it."""
    assert process.stdout is not None
    found = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while not found.endswith(b"\n"):
            if not selector.select(max(0.0, ends_at - time.monotonic())):
                return None
            piece = process.stdout.read(1 << 20)
            if not piece:
                return None
            found += piece
    return found
