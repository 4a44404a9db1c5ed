"""A user's own check, run where it can do no harm to who asks: in a process that is ended when it
takes too long.

``python: module:function`` in a policy names a function of the user's. It is called with two
plain values, the answer (`answer_as_plain`) and the request body, and says ``True``, ``False``, or
``None`` where it does not apply. Modules are found from the working folder and the Python path.
"""

from __future__ import annotations

import importlib
import json
import os
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from downroute.records import Answer, Json

LOADING_S = 20.0
"""How long starting the process and importing a user's module may take."""


@dataclass(frozen=True, slots=True)
class UserVerdict:
    """What the function said; ``fault`` says why it said nothing."""

    passed: bool | None
    fault: str | None = None


def answer_as_plain(answer: Answer) -> dict[str, Json]:
    """An answer as a user's function gets it."""
    return {
        "text": answer.text,
        "tool_calls": [{"name": c.name, "arguments": c.arguments} for c in answer.tool_calls],
        "finish_reason": answer.finish_reason,
        "refusal": answer.refusal,
    }


class UserCode:
    """One process for the functions of a policy, started when first needed, one call at a time.
    Its methods may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._loaded: set[str] = set()

    def check(
        self, function: str, timeout_s: float, answer: Answer, request: Mapping[str, Json]
    ) -> UserVerdict:
        """What ``function`` says of ``answer``, if it says so in ``timeout_s`` seconds."""
        if not self._lock.acquire(timeout=timeout_s + LOADING_S):
            return UserVerdict(None, "other checks take too long")
        try:
            if function not in self._loaded or self._process is None:
                fault = self._ask({"load": function}, LOADING_S).get("fault")
                if fault is not None:
                    return UserVerdict(None, str(fault))
                self._loaded.add(function)
            plain = {"call": function, "answer": answer_as_plain(answer), "request": dict(request)}
            told = self._ask(plain, timeout_s)
            return UserVerdict(told.get("passed"), told.get("fault"))
        finally:
            self._lock.release()

    def close(self) -> None:
        """End the process. A later call starts another."""
        process, self._process = self._process, None
        self._loaded.clear()
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()

    def _ask(self, message: Json, limit_s: float) -> Mapping[str, Any]:
        process = self._process
        if process is None or process.poll() is not None:
            self.close()
            process = self._process = _start()
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(json.dumps(message).encode() + b"\n")
            process.stdin.flush()
            line = _line(process.stdout, time.monotonic() + limit_s)
        except (OSError, ValueError) as fault:
            self.close()
            return {"fault": f"the process of the check broke: {type(fault).__name__}"}
        if line is None:
            self.close()
            return {"fault": f"took longer than {limit_s:g} s"}
        if not line:
            # It may not be reaped yet, and would be taken for one that runs.
            self.close()
            return {"fault": "the process ended"}
        told: Mapping[str, Any] = json.loads(line)
        return told


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "downroute.usercode"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
    )


def _line(pipe: IO[bytes], ends_at: float) -> bytes | None:
    """The next line; empty where the other side ended, ``None`` where the time did."""
    found = b""
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while not found.endswith(b"\n"):
            if not selector.select(max(0.0, ends_at - time.monotonic())):
                return None
            piece = os.read(pipe.fileno(), 65536)
            if not piece:
                return b""
            found += piece
    return found


def serve(requests: IO[bytes], replies: IO[bytes]) -> None:
    """The other side: a JSON line in, a JSON line out, until the requests end."""
    functions: dict[str, Callable[[Json, Json], Json]] = {}
    for line in requests:
        message = json.loads(line)
        name = str(message.get("load") or message.get("call"))
        try:
            if name not in functions:
                functions[name] = _function(name)
            told = {} if "load" in message else _called(functions[name], message)
        except BaseException as fault:
            told = {"fault": f"{name} failed: {type(fault).__name__}"}
        replies.write(json.dumps(told).encode() + b"\n")
        replies.flush()


def _called(function: Callable[[Json, Json], Json], message: Mapping[str, Json]) -> dict[str, Json]:
    said = function(message["answer"], message["request"])
    if said is None or isinstance(said, bool):
        return {"passed": said}
    return {"fault": f"said {type(said).__name__}, not True, False or None"}


def _function(name: str) -> Callable[[Json, Json], Json]:
    module, _, attribute = name.partition(":")
    found = getattr(importlib.import_module(module), attribute)
    if not callable(found):
        raise TypeError(f"{name} is no function")
    function: Callable[[Json, Json], Json] = found
    return function


def _main() -> None:
    # What the user's code prints goes to stderr; the pipe is for verdicts alone.
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.path.insert(0, str(Path.cwd()))
    serve(sys.stdin.buffer, replies)


if __name__ == "__main__":
    _main()
