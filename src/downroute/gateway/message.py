"""A request and a reply as the handler sees them, whatever carries them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

Headers = Sequence[tuple[str, str]]
"""Header names in lower case with their values, in the order they came."""

JSON_TYPE = ("content-type", "application/json")


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, read to its end. ``path`` has no query."""

    method: str
    path: str
    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP reply. A body that is no ``bytes`` is a stream: the transport sends each piece at
    once and closes the generator when the client goes away. It raises nothing but cancellation.
    """

    status: int
    headers: Headers
    body: bytes | AsyncGenerator[bytes, None]
