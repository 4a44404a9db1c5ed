"""Runs the tests of a program that is served by another process, and says how they went.

    python -c … JOB_FD REPORT_FD LINK_FD

Job: ``{"path", "tests", "setup", "entry_point"?}``. Report: ``{"passed": true}``,
``{"failed": KIND, "where": …}`` or ``{"unusable": why}``. Of the program nothing arrives here but
data, and proxies whose every answer is data again.
"""

from __future__ import annotations

import builtins
import inspect
import json
import os
import sys
import traceback
import unittest
from types import FunctionType
from typing import Any

from downroute.scoring.sandbox.guests.values import decode, encode

WRONG, ERROR = "wrong answer", "program error"


class Lost(BaseException):
    """The program's process is gone. No `except Exception` of the tests holds this up."""


class Program:
    """The line to the program's process."""

    def __init__(self, link_fd: int):
        self._in = os.fdopen(os.dup(link_fd))
        self._out = os.fdopen(link_fd, "w")
        self._callbacks: list[Any] = []
        self._exceptions: dict[int, type[Exception]] = {}
        self.lost = False
        self.used = False
        self.raised: Exception | None = None

    def names(self) -> dict[str, Any]:
        """The names the program has of those it was asked for.

        Raises:
            NotLoadedError: it could not be loaded.
        """
        message = self.receive()
        if "broken" in message:
            raise NotLoadedError(str(message["broken"]))
        found = {}
        for name, sent in message["names"].items():
            found[name] = self.exception(name, sent) or decode(sent, self.referred)
        self.used = any(not isinstance(v, Remote) for v in found.values())
        return found

    def exception(self, name: str, sent: Any) -> type[Exception] | None:
        if not isinstance(sent, dict) or "exception" not in sent:
            return None
        kind = type(name, (builtin(sent["exception"]["base"]),), {})
        self._exceptions[sent["exception"]["ref"]] = kind
        return kind

    def ask(self, of: int, do: str, *args: Any, **kwargs: Any) -> Any:
        self.used = True
        sent, named = encode(list(args), self.refer), encode(kwargs, self.refer)
        self.send({"do": do, "of": of, "args": sent, "kwargs": named})
        message = self.receive()
        while "callback" in message:
            self.send({"reply": self.called_back(message)})
            message = self.receive()
        for mine, changed in zip(args, message["args"], strict=True):
            if changed is not None:
                put_back(mine, decode(changed[0], self.referred))
        sys.stdout.write(message["printed"])
        if "raise" not in message:
            return decode(message["value"], self.referred)
        known = [self._exceptions[r] for r in message["raise"]["refs"] if r in self._exceptions]
        kind = known[0] if known else builtin(message["raise"]["base"])
        self.raised = made(kind, str(message["raise"]["text"]))
        raise self.raised

    def called_back(self, message: Any) -> Any:
        function = self._callbacks[message["callback"]]
        args, kwargs = (decode(message[k], self.referred) for k in ("args", "kwargs"))
        try:
            return {"value": encode(function(*args, **kwargs), self.refer)}
        except Exception as fault:
            return {"raise": type(fault).__name__}

    def send(self, message: Any) -> None:
        try:
            self._out.write(json.dumps(message) + "\n")
            self._out.flush()
        except OSError:
            self.lose()

    def receive(self) -> Any:
        """The next message; a program that sends anything else is done for."""
        try:
            message = json.loads(self._in.readline())
        except (OSError, ValueError, RecursionError):
            self.lose()
        if not isinstance(message, dict):
            self.lose()
        return message

    def lose(self) -> None:
        self.lost = True
        raise Lost

    def refer(self, value: Any) -> Any:
        if isinstance(value, Remote):
            return {"ref": value._ref}
        if not callable(value):
            raise TypeError(f"{type(value).__name__} cannot be passed to the program")
        self._callbacks.append(value)
        return {"callback": len(self._callbacks) - 1}

    def referred(self, data: Any) -> Any:
        return Remote(self, data["ref"])


class NotLoadedError(Exception):
    """The program could not be loaded."""


class Remote:
    """An object that stays with the program. Compared with data it is never equal: what it says of
    itself must arrive as data to count."""

    def __init__(self, program: Program, ref: int):
        self._program = program
        self._ref = ref

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._program.ask(self._ref, "call", *args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name not in ("__name__", "__doc__"):
            raise AttributeError(name)
        return self._program.ask(self._ref, "get", name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("_program", "_ref"):
            object.__setattr__(self, name, value)
        else:
            self._program.ask(self._ref, "set", name, value)

    def __getitem__(self, key: Any) -> Any:
        return self._program.ask(self._ref, "item", key)

    def __iter__(self) -> Any:
        return iter(self._program.ask(self._ref, "list"))

    def __len__(self) -> int:
        return int(self._program.ask(self._ref, "len"))

    def __bool__(self) -> bool:
        return self._program.ask(self._ref, "bool") is True

    def __float__(self) -> float:
        return float(self._program.ask(self._ref, "float"))

    def __str__(self) -> str:
        return str(self._program.ask(self._ref, "str"))

    def __repr__(self) -> str:
        return str(self._program.ask(self._ref, "repr"))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Remote):
            return False
        return self._ref == other._ref or self._program.ask(self._ref, "equal", other) is True

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, Remote):
            return NotImplemented
        return self._program.ask(self._ref, "less", other) is True

    def __hash__(self) -> int:
        return hash(self._ref)

    def __instancecheck__(self, value: Any) -> bool:
        return type(value) is Remote and self._program.ask(self._ref, "is_instance", value) is True


def builtin(name: Any) -> type[Exception]:
    """An exception of Python's own by its name; whatever ends a process is one that fails."""
    kind = getattr(builtins, str(name), None)
    fits = isinstance(kind, type) and issubclass(kind, Exception)
    return kind if fits else RuntimeError  # type: ignore[return-value]


def made(kind: type[Exception], text: str) -> Exception:
    try:
        return kind(text)
    except Exception:
        return RuntimeError(text)


def put_back(mine: Any, changed: Any) -> None:
    """What the program did to a list, dict or set it was passed."""
    if isinstance(mine, list):
        mine[:] = changed
    elif isinstance(mine, (dict, set)):
        mine.clear()
        mine.update(changed)


def main() -> None:
    job_fd, report_fd, link_fd = map(int, sys.argv[1:])
    with os.fdopen(job_fd) as file:
        job = json.load(file)
    sys.path.extend(job["path"])
    os.write(report_fd, b"started\n")
    program = Program(link_fd)
    verdict = verdict_of(program, job)
    if program.lost:
        verdict = {"failed": ERROR, "where": "its process ended before the tests did"}
    with os.fdopen(report_fd, "w") as out:
        out.write(json.dumps(verdict))
    os._exit(0)


def verdict_of(program: Program, job: Any) -> Any:
    """How the tests went, as it is reported."""
    try:
        there = program.names()
        space: dict[str, Any] = {"__name__": "tests", **there}
        entry = job["entry_point"]
        if entry is not None and entry not in there:
            return {"failed": ERROR, "where": f"it does not define {entry}"}
        if entry is not None:
            space["candidate"] = there[entry]
        exec(compile(job["setup"], "<setup>", "exec"), space)  # noqa: S102
        exec(compile(job["tests"], "<tests>", "exec"), space)  # noqa: S102
        return run_defined(space, entry) or checked(program)
    except NotLoadedError as fault:
        memory = str(fault) == "MemoryError"
        return {"failed": "out of memory" if memory else ERROR, "where": f"{fault} when loaded"}
    except (Exception, SystemExit) as fault:
        return failure(program, fault)
    except Lost:
        return None


def checked(program: Program) -> Any:
    if not program.used:
        return {"unusable": "the tests never use the program"}
    return {"passed": True}


def run_defined(space: dict[str, Any], entry: str | None) -> Any:
    """Call what the tests define for others to call: `check(candidate)`, ``test_…`` functions,
    test cases. Something is returned only where they cannot be run."""
    if isinstance(space.get("check"), FunctionType) and entry is not None:
        space["check"](space["candidate"])
    for name, value in list(space.items()):
        if name.startswith("test") and isinstance(value, FunctionType):
            if needed(value):
                return {"unusable": f"{name} needs arguments that only a test runner gives"}
            value()
        if isinstance(value, type) and issubclass(value, unittest.TestCase):
            run_case(value)
    return None


def needed(function: FunctionType) -> bool:
    wanted = inspect.signature(function).parameters.values()
    return any(p.default is p.empty and p.kind not in (2, 4) for p in wanted)


def run_case(case: type[unittest.TestCase]) -> None:
    for test in unittest.defaultTestLoader.loadTestsFromTestCase(case):
        # Raises what the test raises.
        test.debug()


def failure(program: Program, fault: BaseException) -> Any:
    lines = [f.lineno for f in traceback.extract_tb(fault.__traceback__) if f.filename == "<tests>"]
    line = f" on line {lines[-1]} of the tests" if lines else ""
    if isinstance(fault, MemoryError):
        return {"failed": "out of memory", "where": f"MemoryError{line}"}
    if fault is program.raised:
        return {"failed": ERROR, "where": f"{type(fault).__name__}{line}"}
    if isinstance(fault, NameError):
        return {"failed": ERROR, "where": f"a name is not defined{line}"}
    if isinstance(fault, unittest.SkipTest):
        return {"unusable": "the tests skip themselves"}
    kind = "" if isinstance(fault, AssertionError) else f"{type(fault).__name__} "
    return {"failed": WRONG, "where": f"{kind}{line}".strip()}
