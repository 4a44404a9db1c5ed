"""What a reference wants of a program: a value, values for inputs, or that tests pass. Pure."""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from downroute.answers.final_value import final_reference
from downroute.records import Json

_TESTS = ("tests", "test", "test_list", "asserts", "test_code")
_SETUP = ("setup", "test_setup_code", "test_imports")


@dataclass(frozen=True, slots=True)
class Case:
    """One input with what it should give. With ``stdin`` the program is run as a whole and what it
    prints is compared, else its function is called."""

    wanted: Json
    args: tuple[Json, ...] = ()
    kwargs: Mapping[str, Json] | None = None
    stdin: str | None = None


@dataclass(frozen=True, slots=True)
class Tests:
    """Test code, run after ``setup``. ``prompt`` is the beginning that an answer may go on with
    instead of repeating it."""

    code: str
    setup: str = ""
    entry_point: str | None = None
    prompt: str = ""


def read_tests(reference: Json) -> Tests | str | None:
    """The tests in a reference: code, a list of asserts, or an object that holds either (also
    HumanEval's and MBPP's fields). A text says why they cannot be used, ``None`` that there are
    none."""
    if isinstance(reference, (str, list)):
        reference = {"tests": reference}
    if not isinstance(reference, Mapping):
        return None
    code = next((_code(reference[k]) for k in _TESTS if reference.get(k)), None)
    if code is None:
        return None
    setup = "\n".join(_code(reference[k]) or "" for k in _SETUP if reference.get(k))
    try:
        tree = ast.parse(code)
        ast.parse(setup)
    except (SyntaxError, ValueError):
        return "the reference's tests are no Python"
    if not any(_can_fail(node) for node in ast.walk(tree)):
        return "the reference's tests assert nothing"
    entry, prompt = reference.get("entry_point"), reference.get("prompt")
    return Tests(
        code,
        setup,
        entry if isinstance(entry, str) and entry else None,
        prompt if isinstance(prompt, str) else "",
    )


def read_cases(reference: Json) -> list[Case] | None:
    """Inputs with their outputs: ``{"cases": [{"input", "output"}]}``, of which ``args`` and
    ``kwargs``, or ``stdin`` and ``stdout``, are other spellings; ``None`` where it has none."""
    rows = reference.get("cases") if isinstance(reference, Mapping) else None
    if not isinstance(rows, list) or not rows:
        return None
    cases = [_case(row) for row in rows]
    return None if None in cases else [c for c in cases if c is not None]


def wanted_value(reference: Json) -> tuple[Json, str | None]:
    """The value a program should come to, and why there is none."""
    found = final_reference(reference)
    return found.value, found.missing


def names_wanted(tests: Tests, entry: str | None) -> list[str]:
    """The names that the tests take from the program. Not among them is what Python itself has
    (``abs``, ``math.…``): a program could make it judge in its own favour. Only where nothing else
    is left is it the program's function that is called so."""
    trees = [ast.parse(text) for text in (tests.setup, tests.code)]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    used = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    modules = {
        n.value.id for n in nodes if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name)
    }
    own = set(dir(builtins)) | (modules & sys.stdlib_module_names)
    wanted = used - own
    bound = {n.id for n in nodes if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
    if entry is None and not wanted - bound:
        called = {
            n.func.id for n in nodes if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)
        }
        wanted |= called
    return sorted({*wanted, entry} if entry is not None else wanted)


def _case(row: Json) -> Case | None:
    if not isinstance(row, Mapping):
        return None
    wanted = next((row[k] for k in ("output", "stdout", "expected") if k in row), _NOTHING)
    if wanted is _NOTHING:
        return None
    if isinstance(row.get("stdin"), str):
        return Case(wanted, stdin=row["stdin"])
    if "args" in row or "kwargs" in row:
        args, kwargs = row.get("args") or [], row.get("kwargs") or {}
        fits = isinstance(args, list) and isinstance(kwargs, Mapping)
        return Case(wanted, tuple(args), kwargs) if fits else None
    given = row.get("input", [])
    return Case(wanted, tuple(given) if isinstance(given, list) else (given,))


_NOTHING: Any = object()


def _code(value: Json) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "\n".join(value)
    return None


def _can_fail(node: ast.AST) -> bool:
    if isinstance(node, (ast.Assert, ast.Raise)):
        return True
    named = node.func if isinstance(node, ast.Call) else None
    name = named.attr if isinstance(named, ast.Attribute) else getattr(named, "id", "")
    return str(name).startswith(("assert", "raises", "fail"))
