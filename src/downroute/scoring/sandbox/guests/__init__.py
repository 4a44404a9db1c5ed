"""What runs inside the sandbox around a program. Standard library only: each guest is started from
its text, joined with `values`."""

from __future__ import annotations

from functools import cache
from pathlib import Path

PROGRAM = "program"
"""Runs a program, calls its functions, or serves them to tests."""
TESTS = "tests"
"""Runs tests of a program that is served elsewhere."""


@cache
def source(guest: str) -> str:
    """The text that ``python -c`` is given."""
    folder = Path(__file__).parent
    parts = [(folder / f"{name}.py").read_text("utf-8") for name in ("values", guest)]
    kept = [
        line
        for text in parts
        for line in text.splitlines()
        if not line.startswith(("from __future__", "from downroute"))
    ]
    return "\n".join(["from __future__ import annotations", *kept, "main()", ""])
