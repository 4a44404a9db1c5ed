"""An upstream's stream, read in whole events."""

from __future__ import annotations

from downroute.gateway.sse import EventSplitter
from downroute.gateway.upstream import Fault, NoReplyError, UpstreamReply
from downroute.gateway.wire import Reader


class ChatStream:
    """``reader`` sees every event on its way past and says what the client gets of it."""

    def __init__(self, reply: UpstreamReply, reader: Reader) -> None:
        self.reader = reader
        self._reply = reply
        self._chunks = reply.chunks()
        self._splitter = EventSplitter()
        self._over = False

    async def next(self) -> list[bytes] | None:
        """The next events, as soon as one is whole; ``None`` after the last.

        Raises:
            NoReplyError: the stream broke off, took too long, or ended before the answer did.
        """
        while not self._over:
            chunk = await anext(self._chunks, None)
            if chunk is None:
                self._over = True
                rest = self._splitter.rest()
                events = [self.reader.take(rest)] if rest else []
                if not self.reader.whole and self.reader.error is None:
                    raise NoReplyError(Fault.BROKEN, "the stream ended before the answer did")
            else:
                events = [self.reader.take(event) for event in self._splitter.feed(chunk)]
            if events:
                return events
        return None

    async def read(self, first: list[bytes]) -> bytes:
        """The whole stream, ``first`` being the events already taken; raises as `next` does."""
        gathered = list(first)
        while (events := await self.next()) is not None:
            gathered += events
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
