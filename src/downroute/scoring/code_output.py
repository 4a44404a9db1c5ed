"""The program in the answer comes to the reference's value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from downroute.errors import UsageError
from downroute.records import Answer, Json, Score
from downroute.scoring.code_program import Entry, entry_of, program_of, same_program
from downroute.scoring.code_reference import Case, read_cases, wanted_value
from downroute.scoring.code_run import (
    NO_PROGRAM,
    Returned,
    error_score,
    limits_of,
    printed,
    returned,
)
from downroute.scoring.code_values import Comparison
from downroute.scoring.scorer import PASS, fail


@dataclass(frozen=True, slots=True)
class CodeOutput:
    """1 where the answer's Python program, run in a sandbox, comes to the reference's value.

    ``entry_point`` is called, else ``solution``, else the program's only function; of any other
    program what it prints counts. Numbers are equal within ``tolerance`` (absolute) or
    ``relative`` (0.01 = one percent); ``ignore_sign`` and ``ignore_scale`` forgive signs and powers
    of ten. A reference with ``cases`` (`code_reference`) gives inputs, and all must come out right.
    The comparison happens outside the sandbox, where the reference never enters.

    Raises:
        UsageError: a tolerance is negative, or a limit too small.
    """

    name: ClassVar[str] = "code_output"
    needs_reference: ClassVar[bool] = True
    slow: ClassVar[bool] = True
    entry_point: str | None = None
    tolerance: float = 0.0
    relative: float = 0.0
    ignore_sign: bool = False
    ignore_scale: bool = False
    timeout_s: float = 10.0
    memory_mb: int = 1024

    def __post_init__(self) -> None:
        if self.tolerance < 0 or self.relative < 0:
            raise UsageError("a tolerance is 0 or more")
        limits_of(self.timeout_s, self.memory_mb)

    def score(self, answer: Answer, reference: Json, request: Mapping[str, Json]) -> Score:  # noqa: ARG002
        cases = read_cases(reference)
        if cases is None:
            wanted, missing = wanted_value(reference)
            if missing is not None or wanted is None:
                return Score.unscored(missing or "the reference is empty")
            cases = [Case(wanted)]
            bare_value = True
        else:
            bare_value = False
        program = program_of(answer)
        if program is None:
            return fail(NO_PROGRAM)
        return self.run(program, cases, any_of=bare_value)

    def run(self, program: str, cases: list[Case], *, any_of: bool = False) -> Score:
        """The score of ``program``; with ``any_of`` a list of wanted values accepts any of them."""
        reading = [case for case in cases if case.stdin is not None]
        called = [case for case in cases if case.stdin is None]
        entry = entry_of(
            program, self.entry_point, has_inputs=any(c.args or c.kwargs for c in called)
        )
        if entry.missing is not None:
            return fail(f"program error: {entry.missing}")
        for case in reading:
            score = self._printed(program, case, any_of=any_of)
            if score is not PASS:
                return score
        return self._called(program, entry, called, any_of=any_of) if called else PASS

    def same(self, first: Answer, second: Answer) -> bool:
        return same_program(first, second)

    def _called(self, program: str, entry: Entry, cases: list[Case], *, any_of: bool) -> Score:
        if entry.function is None:
            if any(case.args or case.kwargs for case in cases):
                return fail("program error: it has no function to be given the input")
            return self._printed(program, cases[0], any_of=any_of)
        limits = limits_of(self.timeout_s, self.memory_mb)
        found = returned(program, entry.function, cases, limits)
        if isinstance(found, Score):
            return found
        for number, (value, case) in enumerate(zip(found, cases, strict=True), start=1):
            score = self._judged(value, case, any_of=any_of)
            if score is not PASS:
                where = f" (case {number} of {len(cases)})" if len(cases) > 1 else ""
                return fail(f"{score.reason}{where}")
        return PASS

    def _judged(self, value: Returned, case: Case, *, any_of: bool) -> Score:
        if value.error is not None:
            return error_score(value.error)
        equal = any(self._comparison.equal(value.value, w) for w in _options(case.wanted, any_of))
        return PASS if equal else fail("wrong answer")

    def _printed(self, program: str, case: Case, *, any_of: bool) -> Score:
        text = printed(program, case.stdin or "", limits_of(self.timeout_s, self.memory_mb))
        if isinstance(text, Score):
            return text
        options = _options(case.wanted, any_of)
        equal = any(self._comparison.equal_text(text, wanted) for wanted in options)
        return PASS if equal else fail("wrong answer: it prints something else")

    @property
    def _comparison(self) -> Comparison:
        return Comparison(self.tolerance, self.relative, self.ignore_sign, self.ignore_scale)


def _options(wanted: Json, any_of: bool) -> list[Json]:
    return [wanted, *wanted] if any_of and isinstance(wanted, list) else [wanted]
