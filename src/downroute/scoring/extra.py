"""Libraries that are installed only with an extra of downroute's."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from downroute.errors import UsageError


def require(scorer: str, module: str, extra: str) -> None:
    """
    Raises:
        UsageError: ``module`` is not installed; says how to get it.
    """
    if find_spec(module) is None:
        raise UsageError(f"it needs {module}; install downroute[{extra}] to use {scorer}")


def load(module: str) -> Any:
    """The module, loaded when a scorer first needs it."""
    return import_module(module)
