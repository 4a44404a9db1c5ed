"""How many requests one upstream is sent at a time: fewer when it says it is too many.

Additive increase, multiplicative decrease (Chiu & Jain 1989), as TCP does it: each answer lets in
a share of one more, so that a whole round of answers lets in one; each overload halves it, once a
round, since the others of that round were sent before it was known. A ``Retry-After`` holds back
everything that goes to the upstream, not only the request that met it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager


class Turn:
    """One request's turn; say `overloaded` of it where the upstream could not take it."""

    def __init__(self, round_: int) -> None:
        self.round = round_
        self.overloaded = False
        self.answered = False


class Pace:
    """Starts at ``ceiling`` requests at a time, which it never exceeds; never below one."""

    def __init__(
        self,
        ceiling: int,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self.ceiling = ceiling
        self.limit = float(ceiling)
        self.lowest = ceiling
        """The fewest at a time it came down to."""
        self.held_until: float | None = None
        self._clock = clock
        self._sleep = sleep
        self._under_way = 0
        self._round = 0
        self._change = asyncio.Condition()

    def hold(self, seconds: float) -> None:
        """Send nothing for so long."""
        until = self._clock() + seconds
        if self.held_until is None or until > self.held_until:
            self.held_until = until

    @asynccontextmanager
    async def turn(self, waited_until: float | None = None) -> AsyncIterator[Turn]:
        """Wait for a turn and take it; ``waited_until`` is a hold that was waited for already."""
        while self.held_until is not None and self.held_until != waited_until:
            waited_until = self.held_until
            left_s = waited_until - self._clock()
            if left_s > 0:
                await self._sleep(left_s)
        async with self._change:
            await self._change.wait_for(lambda: self._under_way < int(self.limit))
            self._under_way += 1
        turn = Turn(self._round)
        try:
            yield turn
        finally:
            self._under_way -= 1
            self._learn(turn)
            async with self._change:
                self._change.notify(max(1, int(self.limit) - self._under_way))

    def _learn(self, turn: Turn) -> None:
        if turn.overloaded:
            if turn.round == self._round:
                self._round += 1
                self.limit = max(1.0, self.limit / 2)
                self.lowest = min(self.lowest, int(self.limit))
        elif turn.answered:
            self.limit = min(float(self.ceiling), self.limit + 1.0 / self.limit)
