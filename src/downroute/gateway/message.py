"""A request and a reply as the handler sees them, whatever carries them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

from downroute.gateway.kept_headers import KeptHeaders

if TYPE_CHECKING:
    from downroute.gateway.keys import Key

Headers = Sequence[tuple[str, str]]
"""Header names in lower case with their values, in the order they came."""

T = TypeVar("T")


def made_of(headers: Headers, work: Callable[[Headers], T]) -> T:
    """``work(headers)``, done once where they are kept."""
    if not isinstance(headers, KeptHeaders):
        return work(headers)
    made = headers.made.get(work)
    if made is None:
        made = headers.made[work] = work(headers)
    found: T = made
    return found


LONGEST_HEADER_BYTES = 32 * 1024
"""Tokens in headers do get longer than the usual 8 KB."""

JSON_TYPE = ("content-type", "application/json")


class Request:
    """One HTTP request, read to its end; not to be changed. ``path`` is decoded and has no query;
    ``target`` is the address as the client sent it, query included; ``key`` what the client was let
    in by, if keys are asked for. Among the ``headers`` is no content-length: the body has its
    own."""

    __slots__ = ("body", "headers", "key", "method", "path", "target")

    def __init__(
        self,
        method: str,
        path: str,
        headers: Headers,
        body: bytes,
        target: str = "",
        key: Key | None = None,
    ) -> None:
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body
        self.target = target
        self.key = key


BODILESS = frozenset({204, 205, 304})
"""Statuses whose replies have no body (RFC 9110, 15.3.5, 15.3.6, 15.4.5)."""


def path_and_query(target: str) -> tuple[str, str]:
    """The two parts of a request's target that matter, as they were sent."""
    if not target.startswith("/"):
        # The absolute form that proxies are asked in (RFC 9112, 3.2.2).
        _, _, rest = target.partition("://")
        target = "/" + rest.partition("/")[2] if rest else target
    path, _, query = target.partition("#")[0].partition("?")
    return path, query


class Stream(Protocol):
    """A body that comes in pieces. It raises nothing but cancellation; whoever takes it closes it,
    begun or not, so that what feeds it ends too."""

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def aclose(self) -> None: ...


Send = Callable[[bytes], bool]
"""Sends a piece on at once; whether more may follow before the client has taken some."""


class Pushing(Stream, Protocol):
    """A stream that need not be asked for each piece."""

    def push_to(self, send: Send) -> None:
        """Once the iterator has given a first piece, others may be handed to ``send`` while it is
        waited for, before the one that it gives next: a turn of the event loop less for each."""


class Reply:
    """One HTTP reply, not to be changed. Each piece of a `Stream` is to be sent at once."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: Headers, body: bytes | Stream) -> None:
        self.status = status
        self.headers = headers
        self.body = body
