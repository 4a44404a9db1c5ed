"""PURE: the program text in an answer."""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass

_BLOCK = re.compile(
    r"""^[ \t]*(?P<mark>`{3,9}|~{3,9})[ \t]*(?P<language>[\w+#.-]*)[^\n]*\n
        (?P<body>.*?)(?:^[ \t]*(?P=mark)[ \t]*$|\Z)""",
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)
_NOT_CODE = frozenset(
    {"json", "json5", "jsonl", "yaml", "yml", "text", "txt", "markdown", "md", "csv", "xml", "html"}
)
_LOOKS_LIKE_CODE = re.compile(
    r"^\s*(?:def \w+\(|class \w+|import \w+|from [\w.]+ import |#include|func \w+\(|fn \w+|"
    r"function \w*\(|public |const \w+ =|SELECT\s|WITH \w+ AS|#!/)",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """``language`` in lower case as the fence names it, empty where it names none."""

    language: str
    body: str


def code_blocks(text: str) -> list[CodeBlock]:
    """All fenced blocks; one that the text breaks off in reaches to its end."""
    return [CodeBlock(m["language"].lower(), m["body"].rstrip("\n")) for m in _BLOCK.finditer(text)]


def program(text: str) -> str | None:
    """The program an answer gives: its fenced blocks of code joined, or all of a text that begins
    like a program; ``None`` where there is none."""
    blocks = [b for b in code_blocks(text) if b.language not in _NOT_CODE]
    named = [b for b in blocks if b.language] or [
        b for b in blocks if _LOOKS_LIKE_CODE.search(b.body)
    ]
    if named:
        return "\n\n".join(b.body for b in named)
    if not blocks and _LOOKS_LIKE_CODE.match(text):
        return text
    return None


_PYTHON = frozenset({"python", "py", "python3", "python2", "ipython", "pycon"})


def python_program(text: str) -> str | None:
    """The Python program an answer gives: its fenced blocks of Python (of any code, where none is
    named so), else all of a text that begins like a program.

    Where the blocks do not make one program together, those that are Python by themselves count,
    else all of them, so that whoever runs it meets the fault.
    """
    blocks = [b.body for b in code_blocks(text) if b.language in _PYTHON]
    if not blocks:
        found = program(text)
        if found is None and text.strip() and _is_python(text) and _does_something(text):
            return text
        return found
    joined = "\n\n".join(blocks)
    if _is_python(joined):
        return joined
    return "\n\n".join(b for b in blocks if _is_python(b)) or joined


def _is_python(text: str) -> bool:
    try:
        with warnings.catch_warnings(action="ignore"):
            ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _does_something(text: str) -> bool:
    """More than a name or a number, as which many a plain word could be read."""
    return any(not isinstance(node, ast.Expr) for node in ast.parse(text).body)
