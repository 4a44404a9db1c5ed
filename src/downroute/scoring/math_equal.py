"""The answer's mathematical expression equals the reference's."""

from __future__ import annotations

import atexit
import json
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import ClassVar

from downroute.answers.final_value import as_text, final_reference, final_value
from downroute.answers.label import same_text
from downroute.answers.same import same_final_text
from downroute.records import Answer, Json, Score
from downroute.scoring.extra import require
from downroute.scoring.own_program import Program, ProgramError
from downroute.scoring.scorer import PASS, acceptable, fail

TIMEOUT_S = 5.0
LOADING_S = 60.0
"""How long the process may take to import the library, on a busy machine."""


@dataclass(frozen=True, slots=True)
class MathEqual:
    r"""0 or 1: 1 where the answer (or its JSON ``field``) comes to an expression equal to the
    reference, as math-verify reads both: LaTeX or plain, fractions, roots, intervals, sets,
    matrices, equations (``\frac12`` is 0.5, ``x=3`` is 3). Rounded to 6 places. Texts that are
    equal pass unread. A reference that holds no expression is unscored; an answer that holds none
    fails. Expressions are read and compared in a process of their own; a comparison that takes
    longer than 5 seconds, or more than 2 GiB, ends with it and is unscored.

    Raises:
        UsageError: math-verify is not installed.
    """

    name: ClassVar[str] = "math_equal"
    slow: ClassVar[bool] = True
    needs_reference: ClassVar[bool] = True
    field: str | None = None

    def __post_init__(self) -> None:
        require(self.name, "math_verify", "math")

    def score(self, answer: Answer, reference: Json, request: Mapping[str, Json]) -> Score:  # noqa: ARG002
        wanted = final_reference(reference, self.field)
        if wanted.missing is not None:
            return Score.unscored(wanted.missing)
        texts = [text for text in map(as_text, acceptable(wanted.value)) if text.strip()]
        said = final_value(answer, self.field)
        if any(said.text is not None and same_text(said.text, text) for text in texts):
            return PASS
        return _compared(tuple(texts), said.text, said.missing or "the answer has no text")

    def same(self, first: Answer, second: Answer) -> bool:
        return same_final_text(first, second, self.field, case=True)


@lru_cache(maxsize=10_000)
def _compared(references: tuple[str, ...], said: str | None, without: str) -> Score:
    """``without``: what is told of an answer that says nothing."""
    try:
        told = _reader().compare(references, said or "")
    except ProgramError as fault:
        return Score.unscored(f"the comparison of the expressions failed: {fault}")
    if told == "no answer":
        return fail(without if said is None else "the answer holds no mathematical expression")
    return _SCORES[told]


_SCORES = {
    "equal": PASS,
    "other": fail("another expression"),
    "no reference": Score.unscored("the reference holds no mathematical expression"),
    "beyond": Score.unscored("the comparison of the expressions takes too much memory"),
}


class _Reader:
    """The process that reads expressions, kept for the next; one comparison at a time."""

    def __init__(self) -> None:
        self._program = Program((sys.executable, "-m", "downroute.scoring.math_worker"))
        self._loaded = False
        self._turn = threading.Lock()
        atexit.register(self._program.close)

    def compare(self, references: tuple[str, ...], said: str) -> str:
        """
        Raises:
            ProgramError: it took too long or broke; the next comparison has a new process.
        """
        with self._turn:
            if not self._loaded:
                self._ask([], "", LOADING_S)
                self._loaded = True
            return self._ask(references, said, TIMEOUT_S)

    def _ask(self, references: tuple[str, ...] | list[str], said: str, limit_s: float) -> str:
        try:
            line = f"{json.dumps([references, said])}\n"
            told: str = json.loads(self._program.ask(line, limit_s, line=True))
        except ProgramError:
            self._loaded = False
            raise
        return told


@cache
def _reader() -> _Reader:
    return _Reader()
