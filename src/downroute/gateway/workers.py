"""Several gateway processes on one port, and their replacement without losing a call.

The parent opens one listening socket a worker (SO_REUSEPORT: the kernel spreads connections over
them) and keeps them open for as long as it runs. A worker that ends leaves its socket behind, with
the connections that wait in it, to the one that takes its place.
"""

from __future__ import annotations

import contextlib
import logging
import select
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import FrameType

from downroute.errors import DownrouteError
from downroute.gateway.log_lines import say
from downroute.gateway.transport.last_connections import let_nobody_connect
from downroute.gateway.transport.server import cannot_listen

READY_S = 30.0
"""How long a worker may take until it serves."""
_BACKLOG = 2048
_QUICK_DEATH_S = 5.0
_LONGEST_PAUSE_S = 10.0

Command = Callable[[int], Sequence[str]]
"""The command of a worker, given the number of the listening socket it inherits. The worker says a
line on its stdout when it serves, and ends when its stdin does."""


@dataclass
class _Worker:
    process: subprocess.Popen[str]
    listener: socket.socket
    started_at: float = field(default_factory=time.monotonic)
    told: bool = False

    def stop(self) -> None:
        """Once: told again it would not wait for its calls under way."""
        if not self.told:
            self.told = True
            self.hurry()

    def hurry(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)


def listeners(host: str, port: int, count: int) -> list[socket.socket]:
    """``count`` sockets that listen on one address; port 0 takes a free one.

    Raises:
        DownrouteError: the address cannot be listened on.
    """
    opened: list[socket.socket] = []
    try:
        for _ in range(count):
            family, _, _, _, address = socket.getaddrinfo(
                host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            listener = socket.socket(family, socket.SOCK_STREAM)
            opened.append(listener)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # Without this on the first socket, another program of this user could join the port.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(count > 1))
            listener.bind(address)
            listener.listen(_BACKLOG)
            listener.setblocking(False)
            port = listener.getsockname()[1]
    except OSError as fault:
        for listener in opened:
            listener.close()
        raise DownrouteError(cannot_listen(host, port, fault)) from None
    return opened


class Supervisor:
    """Keeps a worker on each of ``listeners``. SIGTERM and SIGINT stop all of them, a second one
    without waiting for calls under way; SIGHUP replaces each by a new one, which reads all
    settings anew."""

    def __init__(self, listeners: Sequence[socket.socket], command: Command) -> None:
        self._listeners = listeners
        self._command = command
        self._workers: dict[socket.socket, _Worker] = {}
        self._leaving: list[_Worker] = []
        self._signals: list[int] = []
        self._signalled = threading.Event()
        self._pause_s = 0.0

    def run(self, ready: Callable[[str], None]) -> None:
        """Serve until stopped; ``ready`` gets the first worker's line once all of them serve.

        Raises:
            DownrouteError: a worker does not come up at the start; it has said why on stderr.
        """
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._note)
        try:
            said = [self._start(listener) for listener in self._listeners]
            if None in said:
                raise DownrouteError("a worker did not come up; its message stands above")
            ready(said[0] or "")
            while signal.SIGTERM not in self._signals and signal.SIGINT not in self._signals:
                if signal.SIGHUP in self._signals:
                    self._signals.clear()
                    self._replace_all()
                self._mend()
                self._wait(0.1)
        finally:
            self._stop_all()

    def _note(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self._signals.append(number)
        self._signalled.set()

    def _wait(self, longest_s: float) -> None:
        """Wait, but no longer than until a signal comes."""
        self._signalled.wait(longest_s)
        self._signalled.clear()

    def _start(self, listener: socket.socket) -> str | None:
        """Put a new worker on ``listener``; its line once it serves, ``None`` if it does not."""
        process = subprocess.Popen(  # noqa: S603 - our own command
            list(self._command(listener.fileno())),
            pass_fds=[listener.fileno()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # A terminal's Ctrl-C is for the parent, which tells the workers in order.
            start_new_session=True,
        )
        worker = _Worker(process, listener)
        assert process.stdout is not None
        came, _, _ = select.select([process.stdout], [], [], READY_S)
        line = process.stdout.readline() if came else ""
        if not line:
            process.kill()
            process.wait()
            return None
        old = self._workers.get(listener)
        self._workers[listener] = worker
        if old is not None:
            old.stop()
            self._leaving.append(old)
        return line

    def _replace_all(self) -> None:
        """One after the other, each only once its successor serves; where one does not come up
        the old ones stay."""
        say(logging.INFO, "reloading", workers=len(self._listeners))
        for listener in self._listeners:
            if self._start(listener) is None:
                say(logging.ERROR, "not reloaded", reason="the new worker did not come up")
                return
        say(logging.INFO, "reloaded", workers=len(self._listeners))

    def _mend(self) -> None:
        """Take leave of workers that ended; put a new one where one ended by itself."""
        self._leaving = [worker for worker in self._leaving if worker.process.poll() is None]
        for listener, worker in list(self._workers.items()):
            if worker.process.poll() is None:
                continue
            lived_s = time.monotonic() - worker.started_at
            self._pause_s = (
                min(2 * self._pause_s + 0.5, _LONGEST_PAUSE_S) if lived_s < _QUICK_DEATH_S else 0.0
            )
            say(logging.ERROR, "worker died", code=worker.process.returncode, lived_s=int(lived_s))
            self._wait(self._pause_s)
            del self._workers[listener]
            if self._start(listener) is None:
                self._workers[listener] = worker

    def _stop_all(self) -> None:
        self._signals.clear()
        # Nobody would answer connections that are still made here; workers close theirs themselves.
        for listener in self._listeners:
            let_nobody_connect(listener)
            listener.close()
        every = [*self._workers.values(), *self._leaving]
        for worker in every:
            worker.stop()
        hurried = False
        while any(worker.process.poll() is None for worker in every):
            if self._signals and not hurried:
                hurried = True
                for worker in every:
                    worker.hurry()
            self._wait(0.05)
