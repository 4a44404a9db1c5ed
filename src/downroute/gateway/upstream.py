"""What the gateway needs of an HTTP client; `transport.client` has the real one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from enum import StrEnum
from typing import Protocol

from downroute.errors import UpstreamError
from downroute.gateway.message import Headers

LARGEST_REPLY_BYTES = 256 * 2**20
"""A reply that is read as a whole is given up beyond this."""


class Fault(StrEnum):
    """Why no whole HTTP reply came."""

    UNREACHABLE = "unreachable"
    """There was no connection, so nothing can have been done or billed on the other side."""
    TIMEOUT = "timeout"
    WRONG_API = "wrong api"
    """It was not asked: it speaks another API than the client."""
    BROKEN = "broken off"
    """The connection ended before the reply did."""
    UNSENDABLE = "unsendable"
    """It was not sent: no HTTP can be made of it."""
    OPEN = "circuit open"
    """It was not asked: it failed too often just before."""
    BUSY = "busy"
    """It was not asked: too many calls are under way there."""

    @property
    def unasked(self) -> bool:
        """Whether nothing was sent, so that nothing can have been done or billed."""
        return self not in (Fault.TIMEOUT, Fault.BROKEN)


class NoReplyError(UpstreamError):
    """An upstream gave no whole HTTP reply. The message goes on from the upstream's name.
    ``retry_after_s``: when it is worth another try, where that is known."""

    def __init__(self, fault: Fault, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.fault = fault
        self.retry_after_s = retry_after_s


class Patience:
    """Seconds, not to be changed. ``total_s`` bounds the exchange to the last byte of the reply,
    ``connect_s`` the making of a connection, ``first_byte_s`` the wait from the request to the
    reply's first byte, ``idle_s`` every later wait for bytes; ``None`` = nothing more."""

    __slots__ = ("connect_s", "first_byte_s", "idle_s", "total_s")

    def __init__(
        self,
        total_s: float,
        idle_s: float | None = None,
        first_byte_s: float | None = None,
        connect_s: float = 10.0,
    ) -> None:
        self.total_s = total_s
        self.idle_s = idle_s
        self.first_byte_s = first_byte_s
        self.connect_s = connect_s


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

    async def flow(self, take: Callable[[bytes], bool]) -> None:
        """Between two `chunks`: hand the bytes to ``take``, which raises nothing, the moment they
        come, until it says that it takes no more, or nothing more comes. Raises as `read` does."""
        ...

    def hurry(self, within_s: float) -> None:
        """All that is wanted is here: wait so long at most for what is still to come."""
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
        patience: Patience,
    ) -> UpstreamReply:
        """Send a request and wait for the reply's headers.

        Raises:
            NoReplyError: there is no reply.
        """
        ...
