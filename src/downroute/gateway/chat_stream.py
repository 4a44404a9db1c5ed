"""An upstream's stream, read in whole events."""

from __future__ import annotations

from downroute.gateway.message import Send
from downroute.gateway.own_keys import OwnKeys
from downroute.gateway.sse import EventSplitter
from downroute.gateway.upstream import (
    LARGEST_REPLY_BYTES,
    Fault,
    NoReplyError,
    UpstreamReply,
)
from downroute.gateway.wire import Reader

LONGEST_EVENT_BYTES = 32 * 2**20
"""A stream is given up in the middle of an event that is longer: nobody can hold it."""
AFTER_THE_END_S = 1.0
"""How long an upstream may take to end its reply once it has said the stream's end mark: its
connection can then be used again, and nobody waits who has had all of the answer."""


class ChatStream:
    """``reader`` sees every event on its way past and says what the client gets of it. An error
    that the upstream sends, and what cannot be read, is kept and passed on without our ``keys``."""

    def __init__(self, reply: UpstreamReply, reader: Reader, keys: OwnKeys) -> None:
        self.reader = reader
        self._reply = reply
        self._keys = keys
        self._chunks = reply.chunks()
        self._splitter = EventSplitter()
        self._over = self._hurried = False
        self._undecided: list[bytes] = []
        self._fault: Exception | None = None

    async def next(self) -> list[bytes] | None:
        """The next events, as soon as one is whole; ``None`` after the last.

        Raises:
            NoReplyError: the stream broke off, took too long, or ended before the answer did.
        """
        if self._fault is not None:
            raise self._fault
        if self._undecided:
            events, self._undecided = self._undecided, []
            return self._shown(events)
        while not self._over:
            chunk = await self._chunk()
            if chunk is None:
                self._over = True
                rest = self._splitter.rest()
                events = [self.reader.take(rest)] if rest else []
                if not self.reader.whole and self.reader.error is None:
                    raise NoReplyError(Fault.BROKEN, "the stream ended before the answer did")
            else:
                events = [self.reader.take(event) for event in self._splitter.feed(chunk)]
            if events:
                return self._shown(events)
            if self._too_long:
                raise NoReplyError(Fault.BROKEN, "an event of its stream does not end")
        return None

    async def flow(self, send: Send) -> None:
        """Hand events to ``send`` the moment they come, until there is something for `next` to
        decide: the end mark, an error, the end, or a client that is behind.

        Raises:
            NoReplyError: as `next`.
        """

        def take(chunk: bytes) -> bool:
            try:
                events = [self.reader.take(event) for event in self._splitter.feed(chunk)]
            except Exception as fault:
                # Raised here it would end in the event loop; `next` raises it where it is told.
                self._fault = fault
                return False
            if self.reader.done or self.reader.error is not None or self._too_long:
                self._undecided = events
                return False
            piece = events[0] if len(events) == 1 else b"".join(events)
            if self._keys.quoted_in(piece):
                piece = b"".join(self._shown(events))
            return not piece or send(piece)

        await self._reply.flow(take)

    def _shown(self, events: list[bytes]) -> list[bytes]:
        """``events`` without our keys, but for pieces of an answer before any error."""
        failed = self.reader.error is not None
        masked = self._keys.masked if failed else self._keys.masked_event
        shown = list(map(masked, events))
        kept = self.reader.kept
        if kept is not None and (failed or shown != events):
            kept[:] = map(self._keys.masked, kept)
        return shown

    @property
    def _too_long(self) -> bool:
        return self._splitter.held_bytes > LONGEST_EVENT_BYTES

    async def _chunk(self) -> bytes | None:
        """The next bytes. What goes wrong after the end mark is no harm any more."""
        if self.reader.done and not self._hurried:
            self._hurried = True
            self._reply.hurry(AFTER_THE_END_S)
        try:
            return await anext(self._chunks, None)
        except NoReplyError:
            if self.reader.done:
                return None
            raise

    async def read(self, first: list[bytes]) -> bytes:
        """The whole stream, ``first`` being the events already taken; raises as `next` does."""
        gathered, size = list(first), sum(map(len, first))
        while (events := await self.next()) is not None:
            gathered += events
            size += sum(map(len, events))
            if size > LARGEST_REPLY_BYTES:
                raise NoReplyError(Fault.BROKEN, "its stream is too long to be held back")
        return b"".join(gathered)

    def close(self) -> None:
        self._reply.close()


def before_end_mark(reader: Reader, events: list[bytes], comment: bytes) -> list[bytes]:
    """``events`` with ``comment`` before the one that ends the stream, or at the end where that is
    not there. Clients stop reading at it, so nothing is said after it."""
    for index, event in enumerate(events):
        if reader.is_end(event):
            return [*events[:index], comment, *events[index:]]
    return [*events, comment]
