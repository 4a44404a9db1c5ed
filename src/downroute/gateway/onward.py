"""A reply's bytes passed on as they come."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Awaitable, Callable

from downroute.gateway.call_in_flight import CANCELLED
from downroute.gateway.confirmations import REFUSAL, Ticket
from downroute.gateway.own_keys import MaskedEvents
from downroute.gateway.upstream import Fault, NoReplyError, UpstreamReply

_LONGEST_TAIL = 256 * 1024
"""Of a stream, its last bytes are kept: the events that state tokens come at the end."""
_LAST_EVENT = re.compile(
    rb"^(?:data: ?\[DONE\]|event: ?(?:message_stop|response\.(?:completed|incomplete|failed)))",
    re.MULTILINE,
)
_LONGEST_MARK = 32
_LONGEST_END = 16 * 2**20
"""More than this is never held back."""


class Onward:
    """A `Stream`. It is cut off where the upstream breaks off, so that nobody takes what came for
    the whole. ``over`` is called once when it has ended, with its last bytes and the error it ended
    in; with ``ends_late`` its end, from the event on that clients take for it, waits for what
    ``written`` says of the row. The events of a stream may be ``masked``."""

    def __init__(
        self,
        reply: UpstreamReply,
        over: Callable[[bytes, str | None], Ticket | None],
        written: Callable[[Ticket | None], Awaitable[bool]],
        *,
        ends_late: bool,
        masked: MaskedEvents | None = None,
    ) -> None:
        self._reply = reply
        self._over = over
        self._written = written
        self._ends_late = ends_late
        self._masked = masked
        self._tail = b""
        self._ended = False
        self._pieces: AsyncGenerator[bytes, None] | None = None

    def __aiter__(self) -> AsyncGenerator[bytes, None]:
        self._pieces = self._onward()
        return self._pieces

    async def aclose(self) -> None:
        if self._pieces is not None:
            await self._pieces.aclose()
        self._reply.close()
        self._end(CANCELLED)

    async def _onward(self) -> AsyncGenerator[bytes, None]:
        kept = b""
        try:
            async for came in self._reply.chunks():
                chunk = came if self._masked is None else self._masked.feed(came)
                if not chunk:
                    continue
                self._tail = (self._tail + chunk)[-_LONGEST_TAIL:]
                if self._ends_late and (kept or self._is_ending(len(chunk))):
                    kept += chunk
                    if len(kept) > _LONGEST_END:
                        yield kept
                        kept = b""
                else:
                    yield chunk
        except NoReplyError as fault:
            await self._written(self._end(f"{fault.fault}: {fault}"))
            if self._masked is not None and (rest := self._masked.rest()):
                yield rest
            raise
        if self._masked is not None:
            rest = self._masked.rest()
            self._tail += rest
            kept += rest
        if not await self._written(self._end(None)):
            raise NoReplyError(Fault.BROKEN, REFUSAL.message)
        if kept:
            yield kept

    def _is_ending(self, came: int) -> bool:
        """Whether the last event has begun in the bytes that just came."""
        return _LAST_EVENT.search(self._tail[-came - _LONGEST_MARK :]) is not None

    def _end(self, error: str | None) -> Ticket | None:
        if self._ended:
            return None
        self._ended = True
        return self._over(self._tail, error)
