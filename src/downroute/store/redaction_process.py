"""Redaction in a process of its own, where it can hold up nobody.

While Python looks for a regular expression no other thread runs, and it cannot be ended. On a long
text that takes a while; one of the users' own ("(a+)+$" on a row of a's) may take longer than the
world lasts. The kernel ends this process once a text has cost it too much.
"""

from __future__ import annotations

import json
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress

_WALL_S = 20.0
"""When a process is given up that gets no processor at all."""
_WINDOW_S = 60.0


class RedactionProcess:
    """Started when first needed. ``own`` patterns, which are known to compile, come after the
    built-in ones. ``patience_s`` bounds what texts that take too long may cost together in a
    minute: beyond, no text is tried until it is over; ``None`` = without bound. Any thread may use
    it; one text at a time."""

    def __init__(self, own: Sequence[str] = (), patience_s: float | None = None) -> None:
        self._own = tuple(own)
        self._patience_s = patience_s
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._window_began = 0.0
        self._wasted_s = 0.0

    def redacted(self, text: str) -> str | None:
        """``text`` with every match replaced; ``None`` where that took too long."""
        with self._lock:
            return None if self._out_of_patience() else self._asked(text)

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
        redacted: str = json.loads(line)
        return redacted

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._process = _started(self._own)
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


def _started(own: Sequence[str]) -> subprocess.Popen[bytes]:
    """In a session of its own, so that Ctrl-C is not meant for it; it ends when its stdin does."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "downroute.store.redaction_worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
        start_new_session=True,
    )
    _send(process, json.dumps(own).encode() + b"\n")
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
