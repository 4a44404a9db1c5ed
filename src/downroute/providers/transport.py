"""What carries a request to an upstream, and what it brings back.

A network that fails is an everyday event here and comes back as a value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """One whole HTTP answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class ConnectionFault:
    """No whole HTTP answer came; ``reason`` goes on from the upstream's name. ``connected`` is
    false where not even a connection did, so that nothing can have been done, or billed, on the
    other side."""

    reason: str
    connected: bool


class Transport(Protocol):
    """The real network (`http_transport.HttpTransport`), or a test's own. ``timeout_s`` bounds one
    whole exchange."""

    async def post(
        self, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> HttpResponse | ConnectionFault: ...

    async def close(self) -> None: ...
