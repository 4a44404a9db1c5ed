"""How likely one of k programs passes the tests, where an answer gives several."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import comb
from typing import ClassVar

from downroute.answers.code import code_blocks, python_program
from downroute.errors import UsageError
from downroute.records import Answer, Json, Score
from downroute.scoring.code_program import same_program
from downroute.scoring.code_run import limits_of
from downroute.scoring.code_tests import CodeTests


@dataclass(frozen=True, slots=True)
class PassAtK:
    """The chance that of ``k`` programs drawn from the answer's n at least one passes the
    reference's tests: 1 − C(n − c, k) / C(n, k), c of n pass (Chen et al. 2021). Each fenced block
    of the answer is a program; with one block it is ``code_tests``. An answer with fewer than ``k``
    is taken as it is, all of them drawn.

    Raises:
        UsageError: ``k`` is below 1, or a limit too small.
    """

    name: ClassVar[str] = "pass_at_k"
    needs_reference: ClassVar[bool] = True
    slow: ClassVar[bool] = True
    k: int = 1
    entry_point: str | None = None
    timeout_s: float = 10.0
    memory_mb: int = 1024

    def __post_init__(self) -> None:
        if self.k < 1:
            raise UsageError("k is 1 or more")
        limits_of(self.timeout_s, self.memory_mb)

    def score(self, answer: Answer, reference: Json, request: Mapping[str, Json]) -> Score:
        tests = CodeTests(self.entry_point, self.timeout_s, self.memory_mb)
        blocks = [b.body for b in code_blocks(answer.text or "")]
        programs = [p for p in map(_fenced, blocks) if p is not None]
        if len(programs) < 2:
            return tests.score(answer, reference, request)
        scores = [tests.of_program(program, "", reference) for program in programs]
        unscored = next((s for s in scores if s.value is None), None)
        if unscored is not None:
            return unscored
        right = sum(s.value == 1.0 for s in scores)
        value = pass_at_k(len(programs), right, min(self.k, len(programs)))
        return Score(value, None if value == 1.0 else f"{right} of {len(programs)} programs pass")

    def same(self, first: Answer, second: Answer) -> bool:
        return same_program(first, second)


def pass_at_k(n: int, right: int, k: int) -> float:
    """The unbiased estimate from ``n`` programs of which ``right`` pass; ``k`` ≤ ``n``."""
    return 1.0 - comb(n - right, k) / comb(n, k)


def _fenced(body: str) -> str | None:
    return python_program(f"```python\n{body}\n```") if body.strip() else None
