"""What `downroute serve` is told, and the plain ways to tell it, read without typer.

`read` knows options that are spelled out and have a value that is right. It never says what is
wrong: anything else, help included, it leaves to typer, which reads the same options in
`downroute.cli.serve`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from downroute.gateway.log_lines import Form


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """The options of `downroute serve`; ``None`` = not given. ``listen_fd`` and ``shared_numbers``
    are for workers."""

    policy: Path | None = None
    port: int | None = None
    host: str | None = None
    config: Path | None = None
    upstream: str | None = None
    store: Path | None = None
    allow_remote: bool = False
    workers: int | None = None
    log_format: Form = Form.TEXT
    log_calls: bool = False
    listen_fd: int | None = None
    shared_numbers: Path | None = None


HIGHEST_PORT = 65535
MOST_WORKERS = 64


def _whole(least: int, most: int) -> Callable[[str], int]:
    def read_number(text: str) -> int:
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            raise ValueError(text)
        return int(text)

    return read_number


FLAGS = ("allow_remote", "log_calls")
VALUES: dict[str, Callable[[str], Any]] = {
    "policy": Path,
    "port": _whole(0, HIGHEST_PORT),
    "host": str,
    "config": Path,
    "upstream": str,
    "store": Path,
    "workers": _whole(1, MOST_WORKERS),
    "log_format": Form,
    "listen_fd": _whole(0, 2**31 - 1),
    "shared_numbers": Path,
}


def read(arguments: Sequence[str]) -> ServeOptions | None:
    """What follows ``serve``; ``None`` where it is not all plain."""
    given: dict[str, Any] = {}
    rest = iter(arguments)
    for argument in rest:
        option, equals, text = argument.partition("=")
        name = option.removeprefix("--").replace("-", "_")
        if option != f"--{name.replace('_', '-')}" or name in given:
            return None
        if name in FLAGS and not equals:
            given[name] = True
            continue
        text = text if equals else next(rest, "")
        try:
            if not text or text.startswith("-"):
                return None
            given[name] = VALUES[name](text)
        except (KeyError, ValueError):
            return None
    return ServeOptions(**given)
