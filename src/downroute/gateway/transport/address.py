"""PURE: a URL as what a connection is made to and what is asked on it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}


class Origin(NamedTuple):
    """Where a connection leads; connections to one origin are shared."""

    host: str
    port: int
    tls: bool


@dataclass(frozen=True, slots=True)
class Address:
    """``target`` stands in the request line, ``host`` in the host header."""

    origin: Origin
    host: str
    target: str


@lru_cache(maxsize=1024)
def address(url: str) -> Address:
    """The address of an http or https URL. A fragment is left out, as it is never sent.

    Raises:
        ValueError: it is none.
    """
    parts = urlsplit(url)
    default = _PORTS.get(parts.scheme)
    if default is None or not parts.hostname:
        raise ValueError(f"not an http URL: {url!r}")
    port = parts.port or default
    name = parts.hostname
    if not name.isascii():
        name = name.encode("idna").decode("ascii")
    shown = f"[{name}]" if ":" in name else name
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not target.isascii() or any(c <= " " or c == "\x7f" for c in target):
        raise ValueError(f"not an http URL: {url!r}")
    return Address(
        Origin(name, port, parts.scheme == "https"),
        shown if port == default else f"{shown}:{port}",
        target,
    )
