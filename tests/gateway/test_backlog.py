"""What waits for the log's thread, where that gets no processor, and where it gets no disk."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from downroute.gateway.backlog import Backlog, Bound

from .running import wait_until

ROWS = 4000


def test_who_fills_it_faster_than_it_is_written_gives_turns_and_loses_nothing() -> None:
    backlog: Backlog[int] = Backlog(Bound(rows=400))
    written: list[int] = []

    def write() -> None:
        while None not in (items := backlog.gathered(None, 0.0)):
            for item in items:
                until = time.perf_counter() + 50e-6
                while time.perf_counter() < until:
                    pass
                written.append(item or 0)
            backlog.done(len(items), 0)

    writing = threading.Thread(target=write)
    writing.start()
    assert backlog.take(-1, 0)
    wait_until(lambda: len(written) == 1)
    refused = ROWS - sum(backlog.take(n, 0) for n in range(ROWS))
    backlog.close()
    writing.join()
    assert refused == 0
    assert len(written) > ROWS - 400, "what comes with the end is not waited for here"


def test_a_writer_that_is_stuck_is_not_waited_for() -> None:
    backlog: Backlog[int] = Backlog(Bound())
    began = time.monotonic()
    taken = sum(backlog.take(n, 0) for n in range(30_000))
    assert taken == Bound().rows
    assert time.monotonic() - began < 2.0, "a turn for each of the last 15,000 would take 4 s"


def test_rows_are_handed_over_together_once_the_event_loop_has_done_what_it_is_at() -> None:
    later: list[Callable[[], None]] = []
    backlog: Backlog[int] = Backlog(Bound(), later.append)
    assert backlog.take(1, 10)
    assert backlog.take(2, 10)
    assert (backlog.rows, backlog.bytes) == (2, 20), "they count from here on"
    assert backlog.gathered(0.0, 0.0) == []
    (hand_over,) = later
    hand_over()
    assert backlog.gathered(0.0, 0.0) == [1, 2]
    assert backlog.take(3, 10)
    assert len(later) == 2


def test_what_the_event_loop_has_not_handed_over_when_it_ends_comes_before_the_end() -> None:
    backlog: Backlog[int] = Backlog(Bound(), lambda _: None)
    assert backlog.take(1, 10)
    backlog.close()
    assert backlog.gathered(0.0, 0.0) == [1, None]
    assert not backlog.take(2, 10)
