"""Running downroute's own commands in one folder: each is shown before it runs, and the servers
among them are stopped whatever happens."""

from __future__ import annotations

import http.client
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.text import Text

from downroute.errors import DownrouteError

HOST = "127.0.0.1"
STARTING_S = 30.0
STOPPING_S = 5.0
LOOK_AGAIN_S = 0.05


@dataclass(frozen=True, slots=True)
class Stage:
    """The folder that commands run in and the console that says so."""

    folder: Path
    console: Console

    def run(self, *arguments: str, fine: Sequence[int] = (0,)) -> int:
        """Run ``downroute ARGUMENTS`` to its end; its exit code.

        Raises:
            DownrouteError: it ended with a code that is not in ``fine``.
        """
        self._show(arguments)
        code = subprocess.run(  # noqa: S603 - our own command
            _command(arguments), cwd=self.folder, env=self._environment(), check=False
        ).returncode
        if code not in fine:
            raise DownrouteError(
                f"`downroute {shlex.join(arguments)}` ended with exit code {code}; the lines above "
                "say why"
            )
        return code

    def run_quietly(self, *arguments: str) -> None:
        """Run ``downroute ARGUMENTS`` without showing it or what it prints.

        Raises:
            DownrouteError: it failed; with its own last line.
        """
        done = subprocess.run(  # noqa: S603 - our own command
            _command(arguments), cwd=self.folder, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise DownrouteError(_last_line(done.stderr) or f"{arguments[0]} failed silently")

    def chapter(self, text: str) -> None:
        """Say in one line what comes next and why."""
        self.console.print(f"\n▌ {text}", style="bold")

    @contextmanager
    def serving(self, *arguments: str, port: int, ready: str) -> Iterator[None]:
        """Keep ``downroute ARGUMENTS`` running while the block runs. The block begins once
        ``ready`` (a path on ``port``) answers.

        Raises:
            DownrouteError: it ended before that, or did not come up in time.
        """
        self._show((*arguments, "&"))
        log = self.folder / f"{arguments[0]}.log"
        with log.open("wb") as output:
            # A session of its own: Ctrl-C at the terminal reaches this process only, which then
            # ends the server in order.
            server = subprocess.Popen(  # noqa: S603 - our own command
                _command(arguments),
                cwd=self.folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                _wait_until_ready(server, port, ready, arguments[0], log)
                yield
            finally:
                _stop(server)

    def _show(self, arguments: Sequence[str]) -> None:
        line = shlex.join(arguments).replace("'&'", "&")
        self.console.print(Text(f"$ downroute {line}", style="bold cyan"), soft_wrap=True)

    def _environment(self) -> dict[str, str]:
        # Where output is no terminal, tables would otherwise be folded to 80 columns.
        return {**os.environ, "COLUMNS": str(self.console.width)}


def free_port() -> int:
    """A port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@contextmanager
def termination_interrupts() -> Iterator[None]:
    """While the block runs, SIGTERM and a closed terminal interrupt it like Ctrl-C, so that what
    it started is stopped; signals that were ignored stay so."""
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {n: h for n in signals if (h := signal.getsignal(n)) is not signal.SIG_IGN}

    def interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        # An impatient second Ctrl-C must not cut short what the first one set going.
        for caught in before:
            signal.signal(caught, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in before:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _command(arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "downroute", *arguments]


def _wait_until_ready(
    server: subprocess.Popen[bytes], port: int, path: str, name: str, log: Path
) -> None:
    deadline = time.monotonic() + STARTING_S
    while server.poll() is None and time.monotonic() < deadline:
        if _answers(port, path):
            return
        time.sleep(LOOK_AGAIN_S)
    said = _last_line(log.read_text("utf-8", "replace")) or "it said nothing"
    why = "did not come up" if server.poll() is None else f"ended with code {server.returncode}"
    raise DownrouteError(f"`downroute {name}` {why}: {said}")


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else ""


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _stop(server: subprocess.Popen[bytes]) -> None:
    if server.poll() is None:
        server.terminate()
        try:
            server.wait(STOPPING_S)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
    server.wait()
