"""A Python function of the user's own."""

from __future__ import annotations

import atexit
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from downroute.errors import UsageError
from downroute.records import Answer, Json, Score
from downroute.scoring.command import require_time
from downroute.scoring.own_program import Program, ProgramError
from downroute.scoring.own_verdict import answer_as_json, told, verdict_of

_FUNCTION = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*:[^\W\d]\w*")


@dataclass(frozen=True, slots=True)
class PythonFunction:
    """0 to 1, as ``function`` (``module:function``) says: it is called with ``answer`` (a dict with
    ``text``, ``tool_calls``, …), ``reference`` and ``request``, and returns a number, ``True``,
    ``False``, ``None`` (unscored) or ``{"score": …, "reason": "…"}``. An exception, anything else
    returned and a call longer than ``timeout_s`` leave the answer unscored.

    The function runs in a Python process of its own, which imports the module once, with the
    current folder first on its path; what it prints is lost. Of the environment it gets the usual
    variables and those named in ``env``. ``reference: true``: an answer without a reference is for
    a person to grade. Equal answers are asked about once.

    Raises:
        UsageError: ``function`` is not ``module:function``, or ``timeout_s`` is not above 0.
    """

    name: ClassVar[str] = "python"
    slow: ClassVar[bool] = True
    function: str
    timeout_s: float = 30.0
    env: tuple[str, ...] = ()
    reference: bool = False

    def __post_init__(self) -> None:
        require_time(self.timeout_s)
        if not _FUNCTION.fullmatch(self.function):
            raise UsageError(f"'{self.function}' is not written as module:function")

    @property
    def needs_reference(self) -> bool:
        return self.reference

    def score(self, answer: Answer, reference: Json, request: Mapping[str, Json]) -> Score:
        told_it = told(answer, reference, request)
        return _verdict(self.function, self.timeout_s, self.env, told_it)

    def same(self, first: Answer, second: Answer) -> bool:
        return answer_as_json(first) == answer_as_json(second)


@lru_cache(maxsize=10_000)
def _verdict(function: str, timeout_s: float, env: tuple[str, ...], told_it: str) -> Score:
    try:
        return verdict_of(_worker(function, env).ask(f"{told_it}\n", timeout_s, line=True))
    except ProgramError as fault:
        return Score.unscored(f"{function} failed: {fault}")


@lru_cache(maxsize=32)
def _worker(function: str, env: tuple[str, ...]) -> Program:
    """The process in which ``function`` is called, kept for the next call."""
    program = Program((sys.executable, "-m", "downroute.scoring.python_worker", function), env)
    atexit.register(program.close)
    return program
