"""Of which judged calls the numbers about the question are written down: of all while there are
few, of a sample where there are many. Reading them takes longer than all else that is logged.

What comes of a call must not decide whether it is in the sample, or the report on escalations
would compare escalated calls of one time with accepted calls of another. So the chance is the
same for all calls that began in one tenth of a second, whenever they end; it is settled when the
first of them ends, by how many calls ended before.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from itertools import islice

MOST_A_SECOND = 100.0
"""So many calls a second and process, about, are in the sample; one takes about 50 µs."""
SAVED = 1000.0
"""So many after a quiet time, before the sample begins."""
_SLOTS_A_SECOND = 10
_SPENT_IN_S = 0.2
_MOST_SLOTS = 12_000
"""Chances remembered: of twenty minutes in which calls were judged without a pause."""


class QuestionSample:
    """For one thread. ``clock`` gives seconds, ``draw`` numbers in [0, 1)."""

    def __init__(
        self,
        most_a_second: float = MOST_A_SECOND,
        saved: float = SAVED,
        clock: Callable[[], float] = time.monotonic,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._most = most_a_second
        self._saved = self._left = saved
        self._clock = clock
        self._draw = draw
        self._chances: dict[int, float] = {}
        self._settled_at = clock()
        self._second = -1
        self._now = 0
        self._before = 0

    def takes(self, started_at: float | None) -> bool:
        """Whether a judged call that began at Unix second ``started_at`` is in the sample. To be
        asked once of each."""
        slot = int((started_at or 0.0) * _SLOTS_A_SECOND)
        chance = self._chances.get(slot)
        if chance is None:
            chance = self._settle(slot)
        self._now += 1
        if chance < 1.0 and self._draw() >= chance:
            return False
        self._left -= 1.0
        return True

    def _settle(self, slot: int) -> float:
        """What is left may be spent on what comes in a fifth of a second, going by before."""
        now = self._clock()
        self._left = min(self._saved, self._left + self._most * (now - self._settled_at))
        self._settled_at = now
        if int(now) != self._second:
            self._before = self._now if int(now) == self._second + 1 else 0
            self._second, self._now = int(now), 0
        ended = max(self._before, self._now)
        left = max(self._left, 0.1 * self._most * _SPENT_IN_S)
        chance = min(1.0, left / (ended * _SPENT_IN_S)) if ended else 1.0
        if len(self._chances) >= _MOST_SLOTS:
            for old in list(islice(self._chances, _MOST_SLOTS // 2)):
                del self._chances[old]
        self._chances[slot] = chance
        return chance
