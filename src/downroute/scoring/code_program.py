"""The program in an answer, and which of its functions is meant. Pure."""

from __future__ import annotations

import ast
import warnings
from dataclasses import dataclass

from downroute.answers.code import python_program
from downroute.records import Answer

USUAL = "solution"
"""The function that is called where none is named and the program has one of this name."""


@dataclass(frozen=True, slots=True)
class Entry:
    """The function to call, ``None`` = run the program and take what it prints; or why neither."""

    function: str | None = None
    missing: str | None = None


def program_of(answer: Answer) -> str | None:
    """The Python program an answer gives, ``None`` where it gives none."""
    return python_program(answer.text or "")


def entry_of(program: str, named: str | None, *, has_inputs: bool) -> Entry:
    """``named``, else `USUAL`, else the program's only function, unless that wants arguments and
    there are none; else what the program prints."""
    functions = _functions(program)
    if functions is None:
        return Entry(missing="it is no Python")
    if named is not None:
        found = named in functions or _is_assigned(program, named)
        return Entry(named) if found else Entry(missing=f"it does not define {named}")
    if USUAL in functions:
        return Entry(USUAL)
    if len(functions) == 1:
        ((name, needed),) = functions.items()
        if has_inputs or needed == 0:
            return Entry(name)
    return Entry()


def completed(program: str, prompt: str, entry: str | None) -> str:
    """``program``, behind the ``prompt`` that it repeats or goes on with: the imports and helpers
    of a prompt stand before it either way."""
    if not prompt:
        return program
    repeated = f"{prompt}\n{program}"
    if entry is None or entry in (_functions(program) or {}):
        return repeated if _compiles(repeated) else program
    indented = "\n".join(f"    {line}" for line in program.splitlines())
    on = [f"{prompt}{program}", f"{prompt}\n{indented}"]
    return next((text for text in on if _compiles(text)), program)


def same_program(first: Answer, second: Answer) -> bool:
    """Equal programs but for white space at line ends; where neither has one, equal text."""
    one, other = program_of(first), program_of(second)
    if one is None or other is None:
        return one is other and (first.text or "").strip() == (second.text or "").strip()
    return _trimmed(one) == _trimmed(other)


def _functions(program: str) -> dict[str, int] | None:
    """The functions at the top of ``program`` with how many arguments each needs."""
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(program)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return {
        node.name: max(0, len(node.args.posonlyargs + node.args.args) - len(node.args.defaults))
        for node in tree.body
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }


def _compiles(program: str) -> bool:
    try:
        with warnings.catch_warnings(action="ignore"):
            compile(program, "<program>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _is_assigned(program: str, name: str) -> bool:
    """Whether ``name`` is bound at the top in another way: a class, a lambda, an import."""
    bound: set[str] = set()
    for node in ast.parse(program).body:
        if isinstance(node, ast.ClassDef):
            bound.add(node.name)
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            bound.update(alias.asname or alias.name for alias in node.names)
        for inner in ast.walk(node) if isinstance(node, (ast.Assign, ast.AnnAssign)) else ():
            if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
                bound.add(inner.id)
    return name in bound


def _trimmed(program: str) -> str:
    return "\n".join(line.rstrip() for line in program.strip().splitlines())
