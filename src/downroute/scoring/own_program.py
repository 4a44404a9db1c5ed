"""A program of the user's, run with limits: text in, text out."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO

MAX_OUTPUT = 64 * 1024
"""Bytes of a program's output that are read; one that writes more is ended."""

PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "TZ", "VIRTUAL_ENV",
             "PYTHONPATH", "SYSTEMROOT")  # fmt: skip
"""The environment a program gets; what else it needs, such as a key, is named."""


class ProgramError(Exception):
    """The program gave no usable output. The message is one line."""


@dataclass(slots=True)
class Program:
    """A running program. ``ask`` writes to it and reads what it answers; `close` ends it with all
    that it started."""

    argv: Sequence[str]
    named: Sequence[str] = ()
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _turn: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def ask(self, text: str, timeout_s: float, *, line: bool) -> str:
        """What the program writes after ``text``: one line, else all until it ends.

        Raises:
            ProgramError: it cannot be started, is too slow, writes too much or fails.
        """
        with self._turn:
            return self._answer(text, timeout_s, line=line)

    def _answer(self, text: str, timeout_s: float, *, line: bool) -> str:
        process = self._started()
        try:
            said, ended = _exchange(process, text.encode(), timeout_s, line=line)
        except ProgramError:
            self.close()
            raise
        if ended:
            code = process.wait()
            self.close()
            if code or line:
                raise ProgramError(f"it ended with {_exit_text(code)}")
        return said.decode("utf-8", "replace")

    def close(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self.close()
            try:
                self._process = subprocess.Popen(  # noqa: S603 - the user's own program
                    list(self.argv),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    env=environment(self.named),
                    start_new_session=True,
                )
            except OSError as fault:
                raise ProgramError(f"it cannot be started: {fault.strerror}") from None
        return self._process


def environment(named: Sequence[str]) -> Mapping[str, str]:
    """The variables a program gets: the usual ones and those ``named``."""
    return {name: os.environ[name] for name in (*PASSED_ON, *named) if name in os.environ}


def _exchange(
    process: subprocess.Popen[bytes], text: bytes, timeout_s: float, *, line: bool
) -> tuple[bytes, bool]:
    """What the program wrote, and whether its output has ended."""
    assert process.stdin is not None
    assert process.stdout is not None
    deadline = time.monotonic() + timeout_s
    said = bytearray()
    os.set_blocking(process.stdin.fileno(), False)
    with selectors.DefaultSelector() as waiting:
        waiting.register(process.stdin, selectors.EVENT_WRITE)
        waiting.register(process.stdout, selectors.EVENT_READ)
        while True:
            events = waiting.select(max(0.0, deadline - time.monotonic()))
            if not events:
                raise ProgramError(f"it took longer than {timeout_s:g} s")
            for key, _ in events:
                if key.fileobj is process.stdin:
                    text = _written(process.stdin, text)
                    if not text:
                        waiting.unregister(process.stdin)
                        if not line:
                            process.stdin.close()
                    continue
                chunk = os.read(key.fd, 8192)
                said += chunk
                if len(said) > MAX_OUTPUT:
                    raise ProgramError(f"it wrote more than {MAX_OUTPUT} bytes")
                if not chunk or (line and said.endswith(b"\n")):
                    return bytes(said), not chunk


def _written(stdin: IO[bytes], text: bytes) -> bytes:
    """``text`` without what the program took; one that does not read its input loses nothing."""
    try:
        return text[os.write(stdin.fileno(), text) :]
    except BlockingIOError:
        return text
    except BrokenPipeError:
        return b""


def _exit_text(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
