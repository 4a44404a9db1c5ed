"""Runs as a process of its own: whether two texts come to one mathematical expression, a line of
JSON in, one out. In a process because nothing else ends a comparison that does not end."""

from __future__ import annotations

import json
import logging
import os
import re
import resource
import sys
from functools import lru_cache
from typing import IO, Any

from downroute.answers.stated import stated, unescaped_latex
from downroute.scoring.extra import load

MAX_CHARS = 2000
"""Of a longer answer the end is read, where its result stands."""

MEMORY = 2 * 1024**3

_WORD = re.compile(r"[^\W\d_]{3,}")
_FUNCTIONS = frozenset({"sqrt", "sin", "cos", "tan", "log", "exp", "min", "max", "mod", "inf"})


def main() -> None:
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints must not be taken for a verdict
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    logging.getLogger("math_verify").addHandler(logging.NullHandler())
    serve(sys.stdin, replies, load("math_verify"))


def serve(asked: IO[str], replies: IO[str], library: Any) -> None:
    """Answers each line ``[references, text]`` with what `compared` says."""

    @lru_cache(maxsize=4096)
    def parsed(text: str) -> tuple[Any, ...]:
        return expressions(text, library)

    for line in asked:
        references, said = json.loads(line)
        try:
            told = compared([parsed(t) for t in references], parsed(said), library)
        except (MemoryError, RecursionError, ArithmeticError):
            told = "beyond"
        replies.write(f"{json.dumps(told)}\n")
        replies.flush()


def compared(references: list[tuple[Any, ...]], said: tuple[Any, ...], library: Any) -> str:
    """``equal``, ``other``, or which side holds no expression: ``no reference``, ``no answer``."""
    gold = [found for found in references if found]
    if not gold:
        return "no reference"
    if not said:
        return "no answer"
    equal = any(library.verify(list(g), list(said), timeout_seconds=None) for g in gold)
    return "equal" if equal else "other"


def expressions(text: str, library: Any) -> tuple[Any, ...]:
    """The expressions in a text, of a marked conclusion those alone; empty where there are none."""
    text = unescaped_latex(text)
    told = (stated(text) or text)[-MAX_CHARS:]
    for written in (f"${told}$" if _is_formula(told) else told, told):
        found = library.parse(written, parsing_timeout=None)
        if found:
            return tuple(found)
    return ()


def _is_formula(text: str) -> bool:
    """Whether a text without ``$`` may be read as LaTeX, in which a word is a product of letters,
    so that ``listen`` would equal ``silent``."""
    return "$" not in text and ("\\" in text or set(_WORD.findall(text)) <= _FUNCTIONS)


if __name__ == "__main__":
    main()
