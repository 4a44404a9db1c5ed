"""Runs a program: as a script, to call one of its functions, or to serve its names to tests.

    python -c … JOB_FD REPORT_FD [LINK_FD]

Job: ``{"path", "program", "entry_point"?, "calls"?: [{"args", "kwargs"}]}``. Nothing in this
process is safe from the program, so nothing in it decides anything.
"""

from __future__ import annotations

import builtins
import contextlib
import io
import json
import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from downroute.scoring.sandbox.guests.values import decode, encode

Namespace = dict[str, Any]


def main() -> None:
    job_fd, report_fd, *link = map(int, sys.argv[1:])
    with os.fdopen(job_fd) as file:
        job = json.load(file)
    sys.path.extend(job["path"])
    os.write(report_fd, b"started\n")
    if link:
        serve(job, link[0])
        return
    if job["entry_point"] is None:
        load(job["program"], "__main__")
        return
    report = json.dumps(called(job))
    with os.fdopen(report_fd, "w") as out:
        out.write(report)
    flush()
    # A thread the program left running must not hold its result up.
    os._exit(0)


def load(program: str, name: str) -> Namespace:
    module = ModuleType(name)
    sys.modules[name] = module
    exec(compile(program, "<program>", "exec"), module.__dict__)  # noqa: S102
    return module.__dict__


def called(job: Any) -> Any:
    """``{"values": [[value] or {"error"}…]}`` in the order of the calls, or ``{"error"}``."""
    try:
        function = load(job["program"], "solution")[job["entry_point"]]
    except BaseException as fault:
        return {"error": error_name(fault)}
    return {"values": [call(function, one) for one in job["calls"]]}


def call(function: Any, one: Any) -> Any:
    try:
        return [encode(function(*one["args"], **one["kwargs"]), as_number_or_text)]
    except BaseException as fault:
        return {"error": error_name(fault)}


def as_number_or_text(value: Any) -> Any:
    """Symbolic numbers have a value; what is left is shown as it prints."""
    try:
        return encode(float(value), str)
    except Exception:
        return {"text": str(value)}


def error_name(fault: BaseException) -> str:
    kind = type(fault)
    return kind.__name__ if kind.__module__ == "builtins" else "an exception of its own"


def flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()


class Lost(BaseException):
    """The tests are gone."""


class Callback:
    """A function of the tests that was passed to the program."""

    def __init__(self, server: Server, number: int):
        self._server = server
        self._number = number

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._server.call_back(self._number, args, kwargs)


class Server:
    """The program's objects by number, and the line to the tests."""

    def __init__(self, link_fd: int):
        self._in = os.fdopen(os.dup(link_fd))
        self._out = os.fdopen(link_fd, "w")
        self._objects: list[Any] = []
        self._printed = io.StringIO()
        sys.stdout = self._printed

    def start(self, program: str, names: list[str]) -> None:
        try:
            there = load(program, "solution")
        except BaseException as fault:
            self.send({"broken": error_name(fault)})
            return
        self.send({"names": {n: self.exported(there[n]) for n in names if n in there}})
        self.until_reply()

    def exported(self, value: Any) -> Any:
        if isinstance(value, type) and issubclass(value, Exception):
            return {"exception": {"base": builtin_base(value), **self.refer(value)}}
        return encode(value, self.refer)

    def refer(self, value: Any) -> Any:
        self._objects.append(value)
        return {"ref": len(self._objects) - 1}

    def referred(self, data: Any) -> Any:
        if "callback" in data:
            return Callback(self, data["callback"])
        return self._objects[data["ref"]]

    def send(self, message: Any) -> None:
        self._out.write(json.dumps(message) + "\n")
        self._out.flush()

    def until_reply(self) -> Any:
        """Do what the tests ask until they answer what they were asked, or are gone."""
        while line := self._in.readline():
            message = json.loads(line)
            if "reply" in message:
                return message["reply"]
            self.send(self.done(message))
        raise Lost

    def call_back(self, number: int, args: Any, kwargs: Any) -> Any:
        sent = [encode(list(args), self.refer), encode(kwargs, self.refer)]
        self.send({"callback": number, "args": sent[0], "kwargs": sent[1]})
        reply = self.until_reply()
        if "raise" in reply:
            raise getattr(builtins, reply["raise"], RuntimeError)
        return decode(reply["value"], self.referred)

    def done(self, message: Any) -> Any:
        args = decode(message["args"], self.referred)
        before = [encode(a, self.refer) if changeable(a) else None for a in args]
        try:
            kwargs = decode(message["kwargs"], self.referred)
            value = DOING[message["do"]](self._objects[message["of"]], *args, **kwargs)
            answer = {"value": encode(value, self.refer)}
        except Lost:
            raise
        except BaseException as fault:
            answer = self.raised(fault)
        after = [encode(a, self.refer) if changeable(a) else None for a in args]
        answer["args"] = [[a] if a != b else None for a, b in zip(after, before, strict=True)]
        answer["printed"] = self._printed.getvalue()
        self._printed.seek(0)
        self._printed.truncate()
        return answer

    def raised(self, fault: BaseException) -> dict[str, Any]:
        known = [i for i, o in enumerate(self._objects) if isinstance(o, type)]
        ids = [i for kind in type(fault).__mro__ for i in known if self._objects[i] is kind]
        return {"raise": {"refs": ids, "base": builtin_base(type(fault)), "text": str(fault)}}


def changeable(value: Any) -> bool:
    """Whether a call may change what the caller holds."""
    return isinstance(value, (list, dict, set))


def builtin_base(kind: type) -> str:
    return next(k.__name__ for k in kind.__mro__ if k.__module__ == "builtins")


DOING: dict[str, Callable[..., Any]] = {
    "call": lambda of, *args, **kwargs: of(*args, **kwargs),
    "get": getattr,
    "set": setattr,
    "item": lambda of, key: of[key],
    "list": list,
    "len": len,
    "bool": bool,
    "float": float,
    "str": str,
    "repr": repr,
    "equal": lambda of, other: bool(of == other),
    "less": lambda of, other: bool(of < other),
    "is_instance": lambda of, value: isinstance(value, of),
}


def serve(job: Any, link_fd: int) -> None:
    server = Server(link_fd)
    try:
        server.start(job["program"], job["names"])
    except Lost:
        pass
    finally:
        os._exit(0)
