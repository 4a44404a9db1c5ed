"""Runs as a process of its own: calls one function of the user's, a line of JSON in, one out."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Callable
from typing import IO, Any


def main() -> None:
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what the function prints must not be taken for its verdict
    path, _, name = sys.argv[1].partition(":")
    try:
        function = getattr(importlib.import_module(path), name)
    except Exception as fault:
        failed = _fault(fault)
        serve(replies, lambda **_: failed)
        return
    serve(replies, function)


def serve(replies: IO[str], function: Callable[..., Any]) -> None:
    """Answers each line of standard input with the function's verdict."""
    for line in sys.stdin:
        replies.write(f"{json.dumps(verdict(function, json.loads(line)))}\n")
        replies.flush()


def verdict(function: Callable[..., Any], told: dict[str, Any]) -> Any:
    """What the function returns, or why it could not."""
    try:
        returned = function(**told)
        if hasattr(returned, "item"):  # a number of numpy's
            returned = returned.item()
        json.dumps(returned)
    except Exception as fault:
        return _fault(fault)
    return returned


def _fault(fault: Exception) -> dict[str, Any]:
    """The kind of fault, and its message where that is of an import, which quotes no answer."""
    said = f": {fault}" if isinstance(fault, (ImportError, AttributeError)) else ""
    return {"score": None, "reason": f"it raised {type(fault).__name__}{said}"}


if __name__ == "__main__":
    main()
