"""What a client may take of the server before it is turned away."""

from __future__ import annotations

from dataclasses import dataclass

from downroute.gateway.message import LONGEST_HEADER_BYTES


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in seconds. Times are told apart to the second."""

    head_bytes: int = 2 * LONGEST_HEADER_BYTES
    header_bytes: int = LONGEST_HEADER_BYTES
    """The longest single header, and the longest request target."""
    headers: int = 200
    body_bytes: int = 64 * 2**20
    head_s: float = 20.0
    """From the first byte of a request to the end of its headers."""
    body_s: float = 120.0
    """From there to the end of its body."""
    idle_s: float = 75.0
    """How long a kept connection may wait for its next request."""
    write_s: float = 60.0
    """How long a client may take nothing of what waits for it."""
