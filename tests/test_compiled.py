"""What compiled code may not do, because mypyc makes something else of it than Python does."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "downroute"
HOOK = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"][
    "wheel"
]["hooks"]["custom"]
WAITS = (ast.Await, ast.AsyncWith, ast.AsyncFor, ast.Yield, ast.YieldFrom)


def files(patterns: list[str]) -> set[Path]:
    return {file for pattern in patterns for file in PACKAGE.glob(pattern)}


COMPILED = sorted(
    file
    for file in files(HOOK["compiled"]) - files(HOOK["interpreted"])
    if file.name != "__init__.py"
)


def handlers(tree: ast.AST) -> Iterator[ast.stmt]:
    """The statements that run while an exception is handled."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Try):
            yield from (s for handler in node.handlers for s in handler.body)
            yield from node.finalbody


@pytest.fixture(params=COMPILED, ids=lambda file: file.relative_to(PACKAGE).as_posix())
def tree(request: pytest.FixtureRequest) -> ast.AST:
    return ast.parse(request.param.read_text())


def test_nothing_is_waited_for_while_an_exception_is_handled(tree):
    """Which one it is belongs to the thread in compiled code: whatever runs meanwhile changes it,
    and what is raised again then is another one, or none."""
    waits = [n for s in handlers(tree) for n in ast.walk(s) if isinstance(n, WAITS)]
    assert [node.lineno for node in waits] == []


def test_no_context_waits_for_its_end_but_a_time_limit(tree):
    """The end of any other is waited for while an exception is handled."""
    contexts = [i for n in ast.walk(tree) if isinstance(n, ast.AsyncWith) for i in n.items]
    named = [ast.unparse(item.context_expr).partition("(")[0] for item in contexts]
    assert set(named) <= {"asyncio.timeout"}


def test_what_always_runs_reads_no_local_name(tree):
    """It is compiled once, as if the statement before had come to its end: a name that may be None
    otherwise is taken for one that is not."""
    ends = [s for n in ast.walk(tree) if isinstance(n, ast.Try) for s in n.finalbody]
    read = {
        n.id
        for s in ends
        for n in ast.walk(s)
        if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)
    }
    assert read <= {"self"}


def test_nothing_reads_an_instance_s_dictionary(tree):
    """Instances of compiled classes have none."""
    names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    decorated = {
        ast.unparse(d)
        for n in ast.walk(tree)
        if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))
        for d in n.decorator_list
    }
    assert "vars" not in names
    assert not decorated & {"once", "cached_property", "functools.cached_property"}


def test_the_list_names_what_there_is():
    for pattern in (*HOOK["compiled"], *HOOK["interpreted"]):
        assert list(PACKAGE.glob(pattern)), pattern


def test_a_name_is_bound_to_one_type_of_exception_in_a_function(tree):
    """It becomes a variable of the first one's type, and anything else that is caught under it a
    TypeError."""
    for function in ast.walk(tree):
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            found: dict[str, set[str]] = {}
            for node in ast.walk(function):
                if isinstance(node, ast.ExceptHandler) and node.name and node.type:
                    found.setdefault(node.name, set()).add(ast.unparse(node.type))
            assert all(len(types) == 1 for types in found.values()), (function.name, found)
