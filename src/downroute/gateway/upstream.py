"""What the gateway needs of an HTTP client; `transport.client` has the real one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from enum import StrEnum
from typing import Protocol

from downroute.errors import UpstreamError
from downroute.gateway.message import Headers


class Fault(StrEnum):
    """Why no whole HTTP reply came."""

    UNREACHABLE = "unreachable"
    """There was no connection, so nothing can have been done or billed on the other side."""
    TIMEOUT = "timeout"
    WRONG_API = "wrong api"
    """It was not asked: it speaks another API than the client."""
    BROKEN = "broken off"
    """The connection ended before the reply did."""


class NoReplyError(UpstreamError):
    """An upstream gave no whole HTTP reply. The message goes on from the upstream's name."""

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(message)
        self.fault = fault


class UpstreamReply(Protocol):
    """A reply whose headers are here and whose body may still be on its way."""

    status: int
    headers: Headers

    async def read(self) -> bytes:
        """The whole body.

        Raises:
            NoReplyError: it broke off or took too long.
        """
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """The body in the pieces it comes in; raises as `read` does."""
        ...

    def close(self) -> None:
        """Give the connection up, in the middle of the body too. Harmless when it is over."""
        ...


class UpstreamClient(Protocol):
    async def send(
        self,
        method: str,
        url: str,
        headers: Headers,
        body: bytes,
        *,
        total_s: float,
        idle_s: float | None,
    ) -> UpstreamReply:
        """Send a request and wait for the reply's headers. ``total_s`` bounds the exchange to the
        last byte of the reply, ``idle_s`` every wait for bytes; ``None`` = nothing more.

        Raises:
            NoReplyError: there is no reply.
        """
        ...
