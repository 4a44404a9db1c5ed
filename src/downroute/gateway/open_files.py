"""How many files and sockets this process has open, and how many it may have."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

ENOUGH = 65_536


def raise_limit() -> None:
    """Allow as many as whoever started us permits, up to `ENOUGH`. Systems hand out 1024 for old
    programs' sake; a stream takes two, one for the client and one for the upstream. Nothing here
    uses ``select`` on many, which is what such a limit is for."""
    try:
        import resource
    except ImportError:
        return  # no Unix
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH if hard == resource.RLIM_INFINITY else min(hard, ENOUGH)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def count() -> int | None:
    """By Linux's /proc; ``None`` elsewhere."""
    try:
        return sum(1 for _ in Path("/proc/self/fd").iterdir())
    except OSError:
        return None
