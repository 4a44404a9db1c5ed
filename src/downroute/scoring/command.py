"""A command of the user's own."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from downroute.errors import UsageError
from downroute.records import Answer, Json, Score
from downroute.scoring.own_program import Program, ProgramError
from downroute.scoring.own_verdict import answer_as_json, told, verdict_of


@dataclass(frozen=True, slots=True)
class Command:
    """0 to 1, as the command ``run`` says. It is started once for each answer, without a shell, and
    gets ``{"answer": {"text", "tool_calls", …}, "reference", "request"}`` as JSON on its standard
    input; on its standard output it writes a number, ``true``, ``false`` or ``{"score": …,
    "reason": "…"}``. A command that fails, takes longer than ``timeout_s``, writes more than
    64 KiB or anything else leaves the answer unscored.

    The request is handed over as it was; of the environment the usual variables only (``PATH``,
    ``HOME``, …) and those named in ``env``. ``reference: true``: an answer without a reference is
    for a person to grade. Equal answers are asked about once.

    Raises:
        UsageError: ``run`` is empty or badly quoted, or ``timeout_s`` is not above 0.
    """

    name: ClassVar[str] = "command"
    slow: ClassVar[bool] = True
    run: str
    timeout_s: float = 30.0
    env: tuple[str, ...] = ()
    reference: bool = False

    def __post_init__(self) -> None:
        require_time(self.timeout_s)
        try:
            argv = shlex.split(self.run)
        except ValueError as fault:
            raise UsageError(f"'run' cannot be read: {str(fault).lower()}") from None
        if not argv:
            raise UsageError("'run' names a command")

    @property
    def needs_reference(self) -> bool:
        return self.reference

    def score(self, answer: Answer, reference: Json, request: Mapping[str, Json]) -> Score:
        told_it = told(answer, reference, request)
        return _verdict(self.run, self.timeout_s, self.env, told_it)

    def same(self, first: Answer, second: Answer) -> bool:
        return answer_as_json(first) == answer_as_json(second)


def require_time(timeout_s: float) -> None:
    """
    Raises:
        UsageError: ``timeout_s`` is not above 0.
    """
    if not timeout_s > 0:
        raise UsageError(f"timeout_s is above 0, not {timeout_s:g}")


@lru_cache(maxsize=10_000)
def _verdict(run: str, timeout_s: float, env: tuple[str, ...], told_it: str) -> Score:
    program = Program(shlex.split(run), env)
    try:
        return verdict_of(program.ask(told_it, timeout_s, line=False))
    except ProgramError as fault:
        return Score.unscored(f"the command failed: {fault}")
    finally:
        program.close()
