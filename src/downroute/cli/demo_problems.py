"""The demo's word problems: planning tasks of several steps, with the working and one number."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from downroute.cli.demo_requests import Case, prompt
from downroute.cli.demo_templates import Slots, templates


def plan_math(rng: Random) -> Case:
    """Multi-step reasoning: a planning problem with the working and a number at the end."""
    forms = templates("plan_math")
    scenario = rng.choice(forms["scenarios"])
    numbers = {k: _in_range(rng, *bounds) for k, bounds in scenario["numbers"].items()}
    solution = _solved(scenario["steps"], numbers, {})
    slips = [_solved(scenario["steps"], numbers, slip) for slip in scenario["slips"]]
    return Case(
        messages=prompt(forms["system"], Slots(rng, **numbers).fill(scenario["text"])),
        reference=str(solution.value),
        right=solution,
        wrong=tuple(s for s in slips if s.value != solution.value and s.value >= 0),
        wordings=_write_ups,
        difficulty=float(len(solution.working)),
    )


def _in_range(rng: Random, low: int, high: int, stride: int) -> int:
    return rng.randrange(low, high + 1, stride)


@dataclass(frozen=True, slots=True)
class _Solution:
    """A planning problem's number and the lines that lead to it."""

    value: int
    working: tuple[str, ...]


_OPERATIONS: Mapping[str, tuple[str, Callable[[int, int], int]]] = {
    "+": ("+", lambda a, b: a + b),
    "-": ("-", lambda a, b: a - b),
    "*": ("×", lambda a, b: a * b),
    "/": ("/", lambda a, b: a // b),
    "floor": ("/", lambda a, b: a // b),
    "ceil": ("/", lambda a, b: math.ceil(a / b)),
}


def _solved(
    steps: Sequence[Sequence[Any]], numbers: Mapping[str, int], slip: Mapping[str, Sequence[Any]]
) -> _Solution:
    """The last step's value and a line a step; ``slip`` gives steps other operands."""
    known: dict[Any, int] = dict(numbers)
    working = []
    for name, *formula, label in steps:
        operands = slip.get(name, formula)
        left = known.get(operands[0], operands[0])
        if len(operands) == 1:
            known[name] = left
            continue
        sign, operation = _OPERATIONS[operands[1]]
        right = known.get(operands[2], operands[2])
        known[name] = result = operation(left, right)
        line = f"{label}: {left} {sign} {right} = "
        uneven = sign == "/" and result * right != left
        working.append(line + (f"{left / right:.2f}, so {result}" if uneven else str(result)))
    return _Solution(known[steps[-1][0]], tuple(working))


def _write_ups(solution: _Solution) -> tuple[str, ...]:
    reply = {"working": "; ".join(solution.working), "answer": solution.value}
    plain, indented = (json.dumps(reply, ensure_ascii=False, indent=i) for i in (None, 2))
    fenced = f"```json\n{indented}\n```"
    as_text = json.dumps({**reply, "answer": str(solution.value)}, ensure_ascii=False)
    return (plain, fenced, indented, as_text)
