"""Whether programs may run without a sandbox where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache

from downroute.records import Json
from downroute.scoring.sandbox.limits import Ended, Limits
from downroute.scoring.sandbox.run import run_program

_ALLOWED: ContextVar[bool] = ContextVar("unsandboxed code allowed", default=False)


@contextmanager
def unsandboxed_code(allowed: bool) -> Iterator[None]:
    """Within it programs may, or may not, run bare where no sandbox can be had."""
    before = _ALLOWED.set(allowed)
    try:
        yield
    finally:
        _ALLOWED.reset(before)


def runs_bare() -> bool:
    """Whether programs are to run bare: it is allowed, and no sandbox starts."""
    return _ALLOWED.get() and not sandbox_starts()


@cache
def sandbox_starts() -> bool:
    """Whether a program ran to its end in one; tried once."""
    nothing: Json = {"program": "", "entry_point": None, "calls": []}
    return run_program(nothing, Limits()).ended is not Ended.SANDBOX_FAILURE
