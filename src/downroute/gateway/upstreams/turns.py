"""How many calls an upstream has under way at once, and who waits for a turn."""

from __future__ import annotations

import asyncio
from collections import deque

from downroute.gateway.message import Headers
from downroute.gateway.upstream import Fault, NoReplyError, UpstreamReply
from downroute.upstream_settings import InFlight


class Turns:
    """First come, first served. ``settings`` may be replaced at any time. Every `take` that comes
    back is followed by one `give_back`; without a bound neither is needed."""

    def __init__(self, settings: InFlight) -> None:
        self.settings = settings
        self.taken = 0
        self._queue: deque[asyncio.Future[None]] = deque()

    @property
    def bounded(self) -> bool:
        return self.settings.most is not None

    @property
    def waiting(self) -> int:
        return len(self._queue)

    async def take(self, longest_s: float) -> None:
        """Wait for a turn, ``longest_s`` at most.

        Raises:
            NoReplyError: too many wait already, or it took too long.
        """
        settings = self.settings
        if settings.most is None or (self.taken < settings.most and not self._queue):
            self.taken += 1
            return
        if len(self._queue) >= settings.waiting:
            raise _busy(f"{len(self._queue)} calls wait for its upstream already")
        turn = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            async with asyncio.timeout(min(settings.wait_s, longest_s)):
                await turn
        except BaseException as fault:
            if turn.done() and not turn.cancelled():
                self.give_back()
            else:
                self._queue.remove(turn)
            if isinstance(fault, TimeoutError):
                raise _busy("its upstream has too many calls under way") from None
            raise

    def give_back(self) -> None:
        self.taken -= 1
        self.pass_on()

    def pass_on(self) -> None:
        """Let those who wait have what is free."""
        most = self.settings.most
        while self._queue and (most is None or self.taken < most):
            turn = self._queue.popleft()
            if not turn.done():
                self.taken += 1
                turn.set_result(None)


class TakenReply:
    """An `UpstreamReply` that gives its turn back when it is closed."""

    def __init__(self, reply: UpstreamReply, turns: Turns) -> None:
        self.status: int = reply.status
        self.headers: Headers = reply.headers
        self.read = reply.read
        self.chunks = reply.chunks
        self.flow = reply.flow
        self.hurry = reply.hurry
        self._reply = reply
        self._turns: Turns | None = turns

    def close(self) -> None:
        self._reply.close()
        turns, self._turns = self._turns, None
        if turns is not None:
            turns.give_back()


def _busy(said: str) -> NoReplyError:
    return NoReplyError(Fault.BUSY, said, retry_after_s=1.0)
