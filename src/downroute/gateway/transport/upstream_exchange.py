"""One request that was sent to an upstream, and its reply as it comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Protocol

from downroute.gateway.message import Headers
from downroute.gateway.transport.reply_parser import ReplyParser
from downroute.gateway.transport.unpacking import Unpacking, unpacking
from downroute.gateway.upstream import LARGEST_REPLY_BYTES, Fault, NoReplyError, Patience

_AHEAD_BYTES = 256 * 1024
"""How much of a stream may wait to be taken before the upstream has to wait."""

_LATE = "its upstream did not answer in time"
_FELL_SILENT = "its upstream fell silent in the middle of the reply"
_SILENT = "its upstream closed the connection without a reply"
_BROKE_OFF = "its upstream broke off in the middle of the reply"
_NO_HTTP = "its upstream answered what is no HTTP"


class Line(Protocol):
    """What an exchange needs of the connection it is under way on."""

    def over(self) -> None:
        """The reply is here to its end."""

    def watch(self, deadline: float) -> None:
        """See to the exchange at ``deadline`` or before, on the loop's clock."""

    def read_on(self, reading: bool) -> None:
        """Let the upstream send on, or wait."""

    def abort(self) -> None: ...


class _Chunks:
    """A body in the pieces it comes in. No generator: those cannot be compiled."""

    def __init__(self, exchange: UpstreamExchange) -> None:
        self._exchange = exchange

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        chunk = await self._exchange.next_chunk()
        if chunk is None:
            raise StopAsyncIteration
        return chunk


class UpstreamExchange:
    """An `UpstreamReply`."""

    def __init__(self, connection: Line, until: float, patience: Patience, head_only: bool) -> None:
        self.status = 0
        self.headers: Headers = ()
        self.answered = False
        """Some byte of a reply came."""
        self._connection: Line | None = connection
        self._parser = ReplyParser(head_only=head_only)
        self._unpacking: Unpacking | None = None
        self._fault: NoReplyError | None = None
        self._news: asyncio.Future[None] | None = None
        self._held_bytes = 0
        self._paused = False
        self._streams = False
        self._flows_to: Callable[[bytes], bool] | None = None
        self._until = until
        self._idle_s = patience.idle_s
        self._first_byte_s = patience.first_byte_s
        self._loop = loop = asyncio.get_running_loop()
        self._heard_at = loop.time()

    @property
    def reusable(self) -> bool:
        return self._parser.reusable

    def news(self) -> asyncio.Future[None] | None:
        """Done once more has come of a head that is not here yet; ``None`` = status and headers
        are.

        Raises:
            NoReplyError: nothing more comes.
        """
        parser = self._parser
        if parser.head:
            self.status, self.headers = parser.status, parser.headers
            self._unpacking = unpacking(self.headers)
            self._news = None
            return None
        if not parser.pieces:
            self._raise_fault()
        self._news = self._loop.create_future()
        return self._news

    async def read(self) -> bytes:
        while not self._parser.whole:
            await self._wait()
        body = b"".join(self._take())
        return self._unpacked(body, end=True) if self._unpacking else body

    def chunks(self) -> AsyncIterator[bytes]:
        self._streams = True
        return _Chunks(self)

    async def next_chunk(self) -> bytes | None:
        """What came of the body since the last one; ``None`` after its end. Raises as `read`."""
        while True:
            pieces = self._take()
            over = self._parser.whole and not self._parser.pieces
            if pieces or (over and self._unpacking):
                piece = b"".join(pieces)
                if self._unpacking:
                    piece = self._unpacked(piece, end=over)
                if piece:
                    return piece
            if over:
                return None
            # The rest, or the end alone, may have come while the last piece was made use of.
            if not self._parser.pieces and not self._parser.whole:
                await self._wait()

    async def flow(self, take: Callable[[bytes], bool]) -> None:
        if self._unpacking or self._parser.pieces or self._parser.whole:
            return
        self._flows_to = take
        try:
            await self._wait()
        finally:
            self._flows_to = None

    def hurry(self, within_s: float) -> None:
        if self._connection is not None:
            self._until = min(self._until, self._loop.time() + within_s)
            self._watched(self.deadline)

    def close(self) -> None:
        self._parser.close()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abort()

    # for the connection

    def feed(self, data: bytes) -> None:
        first = not self.answered
        self.answered = True
        self._heard_at = self._loop.time()
        parser = self._parser
        try:
            parser.feed(data)
        except ValueError:
            self._fail(_NO_HTTP)
            return
        if parser.whole:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.over()
        else:
            if first and self._idle_s is not None:
                self._watched(self.deadline)
            if self._flows_to is not None and self._flowed_on(self._flows_to):
                return
            self._held_bytes += len(data)
            self._bound()
        self._wake()

    def _flowed_on(self, take: Callable[[bytes], bool]) -> bool:
        """Hand on what came; whether the next may be handed on as well."""
        pieces = self._parser.pieces
        if not pieces:
            return True
        self._parser.pieces = []
        if take(pieces[0] if len(pieces) == 1 else b"".join(pieces)):
            return True
        self._flows_to = None
        return False

    def lost(self, error: Exception | None) -> None:
        self._connection = None
        # A reset is no end: the last bytes of a reply may be lost with it.
        if not (self._parser.end() if error is None else self._parser.whole):
            said = _BROKE_OFF if self._parser.head else _SILENT
            self._fault = self._fault or NoReplyError(Fault.BROKEN, said)
        self._parser.close()
        self._wake()

    def _bound(self) -> None:
        """Make the upstream of a stream wait for the client; give up what nobody can hold."""
        if self._streams:
            if self._held_bytes > _AHEAD_BYTES and not self._paused and self._connection:
                self._paused = True
                self._connection.read_on(False)
        elif self._held_bytes > LARGEST_REPLY_BYTES:
            self._fail(f"its reply is larger than {LARGEST_REPLY_BYTES // 2**20} MiB")

    def _take(self) -> list[bytes]:
        pieces, self._parser.pieces = self._parser.pieces, []
        self._held_bytes = 0
        if self._paused:
            self._paused = False
            self._heard_at = self._loop.time()  # it was not the upstream that kept us waiting
            if self._connection is not None:
                self._connection.read_on(True)
        return pieces

    def _unpacked(self, data: bytes, *, end: bool) -> bytes:
        unpacking = self._unpacking
        assert unpacking is not None
        if end:
            self._unpacking = None
        try:
            return unpacking.feed(data, end=end)
        except ValueError:
            self.close()
            raise NoReplyError(Fault.BROKEN, "its upstream's reply cannot be unpacked") from None

    async def _wait(self) -> None:
        """Wait until more is here.

        Raises:
            NoReplyError: nothing more comes.
        """
        self._raise_fault()
        self._news = self._loop.create_future()
        try:
            await self._news
        finally:
            self._news = None
        if not self._parser.pieces:
            self._raise_fault()

    def _raise_fault(self) -> None:
        if self._fault is not None:
            # Raised itself, it would hold its own traceback, and with it this exchange.
            raise NoReplyError(self._fault.fault, str(self._fault))

    def _wake(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    def _watched(self, deadline: float) -> None:
        if self._connection is not None:
            self._connection.watch(deadline)

    def _fail(self, said: str, fault: Fault = Fault.BROKEN) -> None:
        self._fault = NoReplyError(fault, said)
        self.close()
        self._wake()

    @property
    def deadline(self) -> float:
        """When it is given up unless something comes, on the loop's clock."""
        silent_s = self._idle_s if self.answered else self._first_byte_s
        return self._until if silent_s is None else min(self._until, self._heard_at + silent_s)

    def check_time(self) -> None:
        """Give up where the time is over."""
        deadline = self.deadline
        if deadline > self._loop.time():
            self._watched(deadline)
        elif self._paused and deadline < self._until:
            self._heard_at = self._loop.time()
            self._watched(self.deadline)
        else:
            silent = self.answered and deadline < self._until
            self._fail(_FELL_SILENT if silent else _LATE, Fault.TIMEOUT)
