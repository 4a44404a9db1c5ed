"""Whether a gateway that other machines reach asks them for a key."""

from __future__ import annotations

import logging
from pathlib import Path

from downroute.config import Settings
from downroute.errors import UsageError
from downroute.gateway.hosts import is_loopback
from downroute.gateway.log_lines import say


def refuse_open(address: str, settings: Settings, file: Path) -> None:
    """Refuse settings without keys for an ``address`` that other machines reach; ``file`` is where
    keys would stand. A gateway that has keys never loses its last one while it runs: an entry that
    is revoked is still one.

    Raises:
        UsageError: there is none.
    """
    if not settings.gateway.keys and not is_loopback(address):
        raise UsageError(
            f"--host {address} lets other machines spend your keys' money, and {file} has no "
            "`gateway.keys`: make one with `downroute keys create NAME`, or add --allow-remote to "
            "let in whoever comes"
        )


def say_open(address: str, settings: Settings) -> None:
    """Warn of a gateway that lets in whoever comes."""
    if not settings.gateway.keys and not is_loopback(address):
        say(logging.WARNING, "no keys", host=address, meaning="whoever comes is let in")
