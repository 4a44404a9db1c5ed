"""A changed system prompt, put in place of the logged one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from downroute.errors import UsageError, unreadable
from downroute.prompts import messages
from downroute.records import Json

INSTRUCTIONS = ("system", "developer")

Adapt = Callable[[Mapping[str, Json]], Mapping[str, Json]]


def read_system(file: Path) -> str:
    """The prompt in ``file``.

    Raises:
        UsageError: it cannot be read or is empty.
    """
    try:
        text = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as fault:
        raise UsageError(f"--system {file}: cannot be read: {unreadable(fault)}") from None
    if not text:
        raise UsageError(f"--system {file}: is empty; write the new system prompt into it")
    return text


def with_system(request: Mapping[str, Json], system: str) -> dict[str, Json]:
    """``request`` with ``system`` in place of its instructions, in the role these had."""
    kept = [m for m in messages(request) if m.get("role") not in INSTRUCTIONS]
    old = [str(m["role"]) for m in messages(request) if m.get("role") in INSTRUCTIONS]
    first = {"role": old[0] if old else "system", "content": system}
    return {**request, "messages": [first, *kept]}


def after(adapt: Adapt, system: str | None) -> Adapt:
    """``adapt``, with the prompt changed first where there is a new one."""
    return adapt if system is None else lambda request: adapt(with_system(request, system))
