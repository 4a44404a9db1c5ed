"""One program being run: started, watched, and killed with all that it started."""

from __future__ import annotations

import contextlib
import json
import os
import random
import resource
import signal
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

from downroute.records import Json
from downroute.scoring.sandbox.command import (
    ENVIRONMENT,
    FIRST_UID,
    UIDS,
    bare,
    package_folders,
    sandboxed,
)
from downroute.scoring.sandbox.limits import Limits
from downroute.scoring.sandbox.seccomp import filter_program

STARTED = b"started\n"
"""What a guest reports before it touches the program: whatever follows is the program's doing."""

_PAGE = resource.getpagesize()


class Process:
    """A guest (`guests`) with its job. ``report`` is what it says on a channel of its own, which
    the program can reach, too: nothing in it may be trusted but `STARTED`."""

    def __init__(
        self,
        guest: str,
        job: Json,
        limits: Limits,
        folder: str,
        *,
        stdin: str = "",
        link: int | None = None,
        in_sandbox: bool = True,
    ):
        self._streams: dict[int, bytearray] = {}
        self.returncode: int | None = None
        self._in_sandbox = in_sandbox
        with contextlib.ExitStack() as ours:
            report, report_end = os.pipe()
            ours.callback(os.close, report_end)
            files = [_file(json.dumps(job).encode())]
            filter_code = filter_program() if in_sandbox else None
            if filter_code is not None:
                files.append(_file(filter_code))
            for file in files:
                ours.callback(os.close, file)
            given = _file(stdin.encode("utf-8", "replace"))
            ours.callback(os.close, given)
            inherited = [files[0], report_end, *([] if link is None else [link])]
            python = ["-I", "-S", "-c", guest, *map(str, inherited)]
            if in_sandbox:
                uid = FIRST_UID + random.randrange(UIDS)  # noqa: S311
                command = sandboxed(python, limits, uid, files[1] if filter_code else None)
            else:
                command = bare(python, limits)
            try:
                self._process = subprocess.Popen(  # noqa: S603
                    command,
                    stdin=given,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    pass_fds=[*inherited, *files[1:]],
                    env=ENVIRONMENT,
                    cwd=folder,
                    start_new_session=True,
                )
            except OSError:
                os.close(report)
                raise
        assert self._process.stdout is not None and self._process.stderr is not None
        self.report_fd = report
        self.stdout_fd = self._process.stdout.fileno()
        self.stderr_fd = self._process.stderr.fileno()
        for fd in (self.report_fd, self.stdout_fd, self.stderr_fd):
            os.set_blocking(fd, False)
            self._streams[fd] = bytearray()

    @property
    def fds(self) -> Iterable[int]:
        return tuple(self._streams)

    @property
    def written(self) -> int:
        """Bytes of output so far."""
        return sum(map(len, self._streams.values()))

    @property
    def started(self) -> bool:
        return self._streams[self.report_fd].startswith(STARTED)

    @property
    def report(self) -> bytes:
        return bytes(self._streams[self.report_fd]).removeprefix(STARTED)

    @property
    def stdout(self) -> str:
        return self._streams[self.stdout_fd].decode("utf-8", "replace")

    @property
    def stderr(self) -> str:
        return self._streams[self.stderr_fd].decode("utf-8", "replace")

    def read(self, fd: int) -> bool:
        """Take one piece of what there is on a stream; whether more may come."""
        try:
            piece = os.read(fd, 65_536)
        except BlockingIOError:
            return True
        self._streams[fd] += piece
        return bool(piece)

    def over(self) -> bool:
        """Whether the program's first process has ended."""
        self.returncode = self._process.poll()
        return self.returncode is not None

    def memory_bytes(self) -> int:
        """Resident memory of everything the program runs."""
        return sum(_resident(pid) for pid in _descendants(self._process.pid))

    def kill(self) -> None:
        """End the program with all it started. The sandbox's first process takes its whole process
        namespace along; without a sandbox what left the process group while we did not look may
        stay."""
        # Once it was waited for, its id may be somebody else's.
        if self._process.poll() is None:
            for pid in (*_descendants(self._process.pid)[1:], self._process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        if not self._in_sandbox:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        """Close our ends of the streams."""
        os.close(self.report_fd)
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()


def job(**facts: Json) -> dict[str, Json]:
    """A guest's job with what every guest needs."""
    return {"path": package_folders(), **facts}


def _file(content: bytes) -> int:
    """An open, nameless file that reads as ``content``."""
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        fd = os.dup(file.fileno())
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _descendants(pid: int) -> list[int]:
    """``pid`` and everything it started, itself first and its first child second."""
    found = [pid]
    for parent in found:
        with contextlib.suppress(OSError):
            for thread in Path(f"/proc/{parent}/task").iterdir():
                found += [int(child) for child in (thread / "children").read_text().split()]
    return found


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0
