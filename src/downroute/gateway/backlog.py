"""What is on its way from the event loop to the log's thread, up to a bound."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

_LARGEST_BATCH = 1000
_BEHIND = 0.05
"""Where this much of the bound waits to be gathered, the log's thread gets turns before others."""
_TURN_S = 0.0002
_STUCK_S = 2.0
"""A log's thread that has gathered nothing for so long waits for a disk: turns are no help."""


@dataclass(frozen=True, slots=True)
class Bound:
    """How much may wait to be written."""

    rows: int = 20_000
    bytes: int = 64 * 2**20


Item = TypeVar("Item")
Soon = Callable[[Callable[[], None]], object]


class Backlog(Generic[Item]):
    """Rows are counted from `take` until they are `done`: in the queue, and after it. ``rows`` and
    ``bytes`` are what waits at the moment. ``soon`` calls back in the thread that takes rows, once
    that has done what it is at: to wake the log's thread takes longer than to write a reply, and
    is done after it."""

    def __init__(self, bound: Bound, soon: Soon | None = None) -> None:
        self.rows = 0
        self.bytes = 0
        self._bound = bound
        self._soon = soon
        self._taken: deque[Item] = deque()
        self._items: queue.SimpleQueue[Item | None] = queue.SimpleQueue()
        self._counting = threading.Lock()
        self._closed = False
        self._closing = threading.Event()
        self._gathered_at = 0.0

    def take(self, item: Item, size: int) -> bool:
        """Take a row of ``size`` bytes; whether there was room for it. Where the processor is what
        the log's thread lacks, this gives it a turn: an event loop with calls waiting would leave
        it none, and rows would be lost that there is a disk for."""
        if self._items.qsize() > _BEHIND * self._bound.rows:
            self._give_a_turn()
        bound = self._bound
        with self._counting:
            full = self.rows >= bound.rows or (self.rows > 0 and self.bytes + size > bound.bytes)
            if full or self._closed:
                return False
            self.rows += 1
            self.bytes += size
            if self._soon is None:
                self._items.put(item)
                return True
            self._taken.append(item)
            first = len(self._taken) == 1
        if first:
            self._soon(self._hand_over)
        return True

    def _hand_over(self) -> None:
        with self._counting:
            self._put_taken()

    def _put_taken(self) -> None:
        while self._taken:
            self._items.put(self._taken.popleft())

    def _give_a_turn(self) -> None:
        if time.monotonic() - self._gathered_at < _STUCK_S:
            time.sleep(_TURN_S)

    def put(self, item: Item) -> None:
        """Take what is no row, and always has room."""
        self._items.put(item)

    def done(self, rows: int, size: int) -> None:
        """So many rows no longer wait, so many bytes are no longer held."""
        with self._counting:
            self.rows -= rows
            self.bytes -= size

    def close(self) -> None:
        """Take no more."""
        with self._counting:
            self._closed = True
            self._closing.set()
            self._put_taken()
            self._items.put(None)

    def gathered(self, timeout_s: float | None, collect_s: float) -> list[Item | None]:
        """What has come in since ``collect_s`` ago or longer; ``None`` is the end. Where writing
        takes as long as that, what came meanwhile does not wait any more."""
        try:
            items = [self._items.get(timeout=timeout_s)]
        except queue.Empty:
            return []
        left_s = self._gathered_at + collect_s - time.monotonic()
        if left_s > 0:
            self._closing.wait(left_s)
        self._gathered_at = time.monotonic()
        more = min(self._items.qsize(), _LARGEST_BATCH - 1)
        take = self._items.get_nowait
        items += [take() for _ in range(more)]
        return items
