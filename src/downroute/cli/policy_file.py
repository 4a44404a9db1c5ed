"""The policy as a file that a study reads before it spends, and writes when it is done."""

from __future__ import annotations

import os
from pathlib import Path

from downroute.errors import ConfigError, unreadable
from downroute.routing.policy import read_policy


def read_policy_file(path: Path) -> str:
    """The policy as it stands, checked now, so that no money is spent on a verdict that could
    not be written."""
    _refuse_unwritable(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as fault:
        raise ConfigError(f"{path}: cannot be read: {unreadable(fault)}") from None
    if text.strip():
        read_policy(text, str(path))
    return text


def _refuse_unwritable(path: Path) -> None:
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise ConfigError(f"{path}: the policy could not be written there; name one with --policy")


def write_policy_file(path: Path, text: str) -> None:
    """Whole or not at all: a gateway may be reading it this moment."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    except OSError as fault:
        draft.unlink(missing_ok=True)
        raise ConfigError(f"{path}: the policy cannot be written: {fault.strerror}") from None
