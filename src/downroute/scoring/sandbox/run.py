"""Programs run to their end within limits."""

from __future__ import annotations

import selectors
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from downroute.records import Json
from downroute.scoring.sandbox.command import missing_tools
from downroute.scoring.sandbox.guests import PROGRAM, TESTS, source
from downroute.scoring.sandbox.limits import MB, Ended, Limits
from downroute.scoring.sandbox.process import Process, job

LOOK_S = 0.1
"""How often memory is looked at, and an end that no stream tells of."""


@dataclass(frozen=True, slots=True)
class Run:
    """How a run ended and what it left. The ``report`` of a program and its ``stdout`` are
    whatever it wants them to be; ``why`` is ours, and quotes nothing."""

    ended: Ended
    report: bytes = b""
    stdout: str = ""
    why: str = ""


def run_program(facts: Json, limits: Limits, *, stdin: str = "", bare: bool = False) -> Run:
    """One program. ``facts`` are its guest's job; ``bare`` runs it without a sandbox."""

    def start(folder: str) -> Iterator[Process]:
        made = job(**facts)
        yield Process(source(PROGRAM), made, limits, folder, stdin=stdin, in_sandbox=not bare)

    return _run(start, limits, bare=bare)


def run_tests(program: Json, tests: Json, limits: Limits, *, bare: bool = False) -> Run:
    """Tests in one sandbox, the program that they call in another. The run is that of the tests;
    their report comes on a channel that does not exist where the program runs."""

    def start(folder: str) -> Iterator[Process]:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            for guest, facts, end in ((TESTS, tests, ours), (PROGRAM, program, theirs)):
                link = end.fileno()
                made = job(**facts)
                yield Process(source(guest), made, limits, folder, link=link, in_sandbox=not bare)

    return _run(start, limits, bare=bare)


def _run(start: Callable[[str], Iterator[Process]], limits: Limits, *, bare: bool) -> Run:
    missing = [] if bare else missing_tools()
    if missing:
        return Run(
            Ended.SANDBOX_FAILURE,
            why=f"there is no sandbox to run it in: install {' and '.join(missing)} "
            "(apt-get install bubblewrap), or allow programs to run without one by "
            "--allow-unsandboxed-code",
        )
    processes: list[Process] = []
    with tempfile.TemporaryDirectory() as folder, selectors.DefaultSelector() as streams:
        try:
            for process in start(folder if bare else "/"):
                processes.append(process)
                for fd in process.fds:
                    streams.register(fd, selectors.EVENT_READ, process)
            stopped = _watch(processes, streams, limits)
            for process in processes:
                process.kill()
            # The dead write no more, so this ends.
            while _take(streams, 0) and not _too_much(processes, limits):
                pass
            return _result(processes, limits, stopped)
        except OSError as fault:
            return Run(Ended.SANDBOX_FAILURE, why=f"it could not be started: {fault.strerror}")
        finally:
            for process in processes:
                process.kill()
                process.close()


def _watch(
    processes: Sequence[Process], streams: selectors.BaseSelector, limits: Limits
) -> Ended | None:
    """Wait until the first process ends, taking what all of them write; how it had to be stopped,
    ``None`` where it was not."""
    deadline = time.monotonic() + limits.wall_s
    next_look = time.monotonic() + LOOK_S
    while not processes[0].over():
        now = time.monotonic()
        if now >= deadline:
            return Ended.TIMEOUT
        if now >= next_look:
            next_look = now + LOOK_S
            if any(p.memory_bytes() > limits.memory_mb * MB for p in processes):
                return Ended.OUT_OF_MEMORY
        if not _take(streams, min(deadline, next_look) - now):
            time.sleep(0.001)
        if _too_much(processes, limits):
            return Ended.OUTPUT_TOO_LARGE
    return None


def _too_much(processes: Sequence[Process], limits: Limits) -> bool:
    return any(p.written > limits.output_bytes for p in processes)


def _take(streams: selectors.BaseSelector, wait_s: float) -> bool:
    """Read a piece of what the open streams have; whether there was any, or an end."""
    ready = streams.select(max(wait_s, 0)) if streams.get_map() else []
    for key, _ in ready:
        process: Process = key.data
        if not process.read(key.fd):
            streams.unregister(key.fd)
    return bool(ready)


def _result(processes: Sequence[Process], limits: Limits, stopped: Ended | None) -> Run:
    first = processes[0]
    if _too_much(processes, limits):
        stopped = Ended.OUTPUT_TOO_LARGE
    unstarted = next((p for p in processes if not p.started), None)
    if unstarted is not None:
        said = " ".join(unstarted.stderr.split())[:300]
        return Run(Ended.SANDBOX_FAILURE, why=f"the sandbox did not start: {said or 'no word'}")
    ended = stopped or (Ended.FINISHED if first.returncode == 0 else Ended.ERROR)
    return Run(ended, first.report, first.stdout, _why(ended, first))


def _why(ended: Ended, process: Process) -> str:
    if ended is not Ended.ERROR:
        return ""
    if "MemoryError" in process.stderr[-200:]:
        return "MemoryError"
    code: Any = process.returncode
    return f"ended by signal {code - 128}" if code > 128 else f"exit code {code}"
