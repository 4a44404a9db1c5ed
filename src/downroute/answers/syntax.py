"""PURE: whether the code in an answer can be parsed. Nothing of it is run."""

from __future__ import annotations

import ast
import json
import warnings
from collections.abc import Callable, Mapping

from downroute.answers.code import code_blocks, program
from downroute.answers.json_value import read_json

LONGEST = 200_000
"""A longer program is not parsed: a gateway has no time for it."""


def _python(source: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
    return True


def _json(source: str) -> bool:
    return read_json(source) is not None


def _json_lines(source: str) -> bool:
    return all(read_json(line) is not None for line in source.splitlines() if line.strip())


def _toml(source: str) -> bool:
    try:
        import tomllib  # a start of the gateway that needs none does without

        tomllib.loads(source)
    except (ValueError, RecursionError):
        return False
    return True


def _notebook(source: str) -> bool:
    return _json(source) and isinstance(json.loads(source), dict)


PARSERS: Mapping[str, Callable[[str], bool]] = {
    "python": _python, "py": _python, "python3": _python, "json": _json, "jsonl": _json_lines,
    "toml": _toml, "ipynb": _notebook,
}  # fmt: skip
"""The languages that can be parsed, by the names fences give them."""


def parses(text: str, language: str | None = None) -> bool | None:
    """Whether every block of code in ``text`` parses; ``None`` where there is none whose language
    is known. With ``language`` the program, fenced or bare, must be there and parse as that."""
    if len(text) > LONGEST:
        return None
    blocks = code_blocks(text)
    if language is not None:
        named = [b.body for b in blocks if PARSERS.get(b.language) is PARSERS[language]]
        sources = named or [b.body for b in blocks if not b.language] or [text]
        return all(PARSERS[language](source) for source in sources)
    found = [PARSERS[b.language](b.body) for b in blocks if b.language in PARSERS]
    if not found and not any(b.language for b in blocks):
        bare = program(text)
        if bare is not None and bare.lstrip().startswith(("def ", "import ", "from ", "class ")):
            found = [_python(bare)]
    return all(found) if found else None
