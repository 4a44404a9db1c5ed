"""What is said on stderr when a command ends otherwise than it should. Loads nothing."""

from __future__ import annotations

import sys

INTERRUPTED = 130
"""The exit code after Ctrl-C."""


def say_error(message: str) -> None:
    """``error: …``, one line per line of the message."""
    for line in message.splitlines() or [""]:
        _say(f"error: {line}")


def say_interrupted() -> None:
    _say("interrupted; what was read and measured so far is kept")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
