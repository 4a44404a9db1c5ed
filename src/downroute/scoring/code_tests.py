"""The program in the answer passes the reference's tests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from downroute.records import Answer, Json, Score
from downroute.scoring.code_output import CodeOutput
from downroute.scoring.code_program import completed, program_of, same_program
from downroute.scoring.code_reference import Tests, names_wanted, read_cases, read_tests
from downroute.scoring.code_run import NO_PROGRAM, ended_badly, limits_of
from downroute.scoring.sandbox.limits import Ended
from downroute.scoring.sandbox.permission import runs_bare
from downroute.scoring.sandbox.run import run_tests
from downroute.scoring.scorer import PASS, fail


@dataclass(frozen=True, slots=True)
class CodeTests:
    """1 where the answer's Python program passes the reference's tests, run in a sandbox.

    The reference is test code, a list of asserts, ``{"tests"}`` with either, or the rows of
    HumanEval (``test``, ``entry_point``, ``prompt``) and MBPP (``test_list``, ``test_setup_code``);
    ``{"cases"}`` are inputs with outputs as for ``code_output``. Tests run in a process of their
    own, out of the program's reach, and get nothing from it but data.

    Raises:
        UsageError: a limit is too small.
    """

    name: ClassVar[str] = "code_tests"
    needs_reference: ClassVar[bool] = True
    slow: ClassVar[bool] = True
    entry_point: str | None = None
    timeout_s: float = 10.0
    memory_mb: int = 1024

    def __post_init__(self) -> None:
        limits_of(self.timeout_s, self.memory_mb)

    def score(self, answer: Answer, reference: Json, request: Mapping[str, Json]) -> Score:  # noqa: ARG002
        return self.of_program(program_of(answer), answer.text or "", reference)

    def same(self, first: Answer, second: Answer) -> bool:
        return same_program(first, second)

    def of_program(self, program: str | None, text: str, reference: Json) -> Score:
        """The score of one program; of an answer without one that only goes on with the tests'
        prompt, ``text`` is it."""
        cases = read_cases(reference)
        if cases is not None:
            output = CodeOutput(
                self.entry_point, timeout_s=self.timeout_s, memory_mb=self.memory_mb
            )
            return fail(NO_PROGRAM) if program is None else output.run(program, cases)
        tests = read_tests(reference)
        if tests is None:
            return Score.unscored("the reference holds no tests")
        if isinstance(tests, str):
            return Score.unscored(tests)
        if program is None and not tests.prompt:
            return fail(NO_PROGRAM)
        return self._tested(text if program is None else program, tests)

    def _tested(self, program: str, tests: Tests) -> Score:
        entry = self.entry_point or tests.entry_point
        whole = completed(program, tests.prompt, entry)
        run = run_tests(
            {"program": whole, "names": names_wanted(tests, entry)},
            {"tests": tests.code, "setup": tests.setup, "entry_point": entry},
            limits_of(self.timeout_s, self.memory_mb),
            bare=runs_bare(),
        )
        return ended_badly(run) if run.ended is not Ended.FINISHED else _verdict(run.report)


def _verdict(report: bytes) -> Score:
    try:
        said: Any = json.loads(report)
    except ValueError:
        return fail(f"{Ended.ERROR}: the tests did not come to an end")
    if said.get("passed") is True:
        return PASS
    if "unusable" in said:
        return Score.unscored(f"the reference's tests cannot be used: {said['unusable']}")
    where = said["where"]
    return fail(f"{said['failed']}: {where}" if where else str(said["failed"]))
