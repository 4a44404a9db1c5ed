"""Which of the tasks of one study stand when all are taken together. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from downroute.records import Json
from downroute.stats.multiple import benjamini_hochberg
from downroute.study.result import REPLACE_WORDS, TaskResult
from downroute.study.verdict import Outcome


@dataclass(frozen=True, slots=True)
class Tested:
    """A task's test, for the comparison with the others of its study."""

    task: str
    p_value: float | None
    routed: bool

    @classmethod
    def of(cls, result: TaskResult) -> Tested:
        return cls(result.task, result.p_value, result.outcome is Outcome.ROUTE)


def tested(told: Sequence[Mapping[str, Json]]) -> list[Tested]:
    """The tests of results as `TaskResult.as_json` tells them."""
    return [Tested(t["task"], t.get("p_value"), t["verdict"] in _ROUTED) for t in told]


def stands_among_all(results: Sequence[Tested]) -> dict[str, bool]:
    """Of several tasks measured together, for each that is routed, whether it also stands under
    Benjamini–Hochberg at a false discovery rate of 10 %: each verdict alone may be wrong in 5 of
    100 cases, and twenty such verdicts hold a wrong one more often than not."""
    tested = [r for r in results if r.p_value is not None]
    if len(tested) < 2:
        return {}
    marks = benjamini_hochberg([r.p_value or 0.0 for r in tested])
    return {r.task: bool(mark) for r, mark in zip(tested, marks, strict=True) if r.routed}


_ROUTED = {Outcome.ROUTE.value, REPLACE_WORDS[Outcome.ROUTE]}


def among_all(
    told: Sequence[Mapping[str, Json]], results: Sequence[TaskResult]
) -> list[dict[str, Json]]:
    """``told`` of further tasks with the marks they have beside these ``results``."""
    stands = stands_among_all([*map(Tested.of, results), *tested(told)])
    return [{**t, "stands_among_all": stands.get(t["task"])} for t in told]
