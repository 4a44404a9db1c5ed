"""The log: a thread that writes finished calls to the store, in batches, while calls go on.

Nothing here ever makes a call wait or fail. While the store cannot be written, rows are kept up to
a bound; beyond it they are counted as lost, loudly.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from downroute.errors import StoreBusyError, StoreError
from downroute.gateway.call_row import CallRow, finished_call
from downroute.gateway.log_lines import say
from downroute.gateway.policy_file import ServedText
from downroute.gateway.prices import Prices
from downroute.records import Call
from downroute.store import Bodies, Feedback, Keeping, Store

_COLLECT_S = 0.03
"""How long rows gather before they are committed together."""
_LARGEST_BATCH = 1000
_RETRY_S = 1.0
_FAILURES_IN_A_ROW = 3
"""So many calls failing one after the other are the store's fault, not theirs."""
_REPEAT_S = 60.0
"""How often a trouble that lasts is said again."""


@dataclass(frozen=True, slots=True)
class Bound:
    """How much may wait to be written."""

    rows: int = 20_000
    bytes: int = 64 * 2**20


_Item = CallRow | Feedback | ServedText | None

Observer = Callable[[CallRow, Call], None]
"""Hears of each call that ended, in the log's thread, whether or not it can be written."""


class CallLog:
    """``open_store`` is called until it succeeds. ``keep`` says what of a call's words is kept."""

    def __init__(
        self,
        open_store: Callable[[], Store],
        prices: Prices,
        keep: Keeping,
        bound: Bound | None = None,
        observers: Sequence[Observer] = (),
    ) -> None:
        self.lost = 0
        """Rows that will never be in the store."""
        self.fault: str | None = None
        """Why the store cannot be written, while that is so."""
        self.keeps_words = keep.keeps_words
        self._keep = keep
        self._open_store = open_store
        self._store: Store | None = None
        self._prices = prices
        self._bound = bound or Bound()
        self._observers = observers
        self._incoming: queue.SimpleQueue[_Item] = queue.SimpleQueue()
        self._waiting_rows = 0
        self._waiting_bytes = 0
        self._counting = threading.Lock()
        self._closing = threading.Event()
        self._said: dict[str, float] = {}
        self._calls: list[tuple[Call, int]] = []
        self._policies: list[ServedText] = []
        self._feedback: list[Feedback] = []
        self._thread = threading.Thread(target=self._run, name="downroute-call-log", daemon=True)

    def start(self, models: Iterable[str] = ()) -> None:
        """Open the store, if that works, look up what ``models`` cost, so that the first reply can
        say it, and begin to write."""
        self._ready_store()
        self._look_up(models)
        self._thread.start()

    def add(self, row: CallRow) -> None:
        """Take a finished call. Never waits."""
        if not self._taken(row):
            self._lose(1, self.fault or "more calls than the store takes")
            self._observe(row, row.call)

    def add_feedback(self, said: Feedback) -> bool:
        """Take what is said of a call; whether there was room for it. Never waits."""
        return self._taken(said)

    def _taken(self, item: CallRow | Feedback) -> bool:
        size = item.size
        with self._counting:
            full = self._waiting_rows >= self._bound.rows or (
                self._waiting_rows > 0 and self._waiting_bytes + size > self._bound.bytes
            )
            if full or self._closing.is_set():
                return False
            self._waiting_rows += 1
            self._waiting_bytes += size
            self._incoming.put(item)
        return True

    @property
    def waiting(self) -> int:
        """Rows that wait to be written."""
        return self._waiting_rows

    def serve_policy(self, served: ServedText) -> None:
        """Enter a policy that is served from now on, and look up what its models cost."""
        self._incoming.put(served)

    def close(self, timeout_s: float) -> None:
        """Write what is there, for at most ``timeout_s``, and close the store."""
        with self._counting:
            self._closing.set()
            self._incoming.put(None)
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        if self._waiting_rows:
            self._lose(self._waiting_rows, self.fault or "the gateway stopped too soon")
        if self._store is not None and not self._thread.is_alive():
            self._store.close()

    def _run(self) -> None:
        retry_at = 0.0
        last = False
        while not last:
            held = self._calls or self._policies or self._feedback
            items = self._gathered(_RETRY_S if held else None)
            last = None in items
            for item in items:
                if isinstance(item, CallRow):
                    self._take(item)
                elif isinstance(item, Feedback):
                    self._feedback.append(item)
                elif item is not None:
                    self._look_up(item.models)
                    self._policies.append(item)
            if last or time.monotonic() >= retry_at:
                retry_at = 0.0 if self._write() else time.monotonic() + _RETRY_S

    def _gathered(self, timeout_s: float | None) -> list[_Item]:
        """What has come in, after giving it a moment to become more."""
        try:
            items = [self._incoming.get(timeout=timeout_s)]
        except queue.Empty:
            return []
        self._closing.wait(_COLLECT_S)
        while len(items) < _LARGEST_BATCH and not self._incoming.empty():
            items.append(self._incoming.get())
        return items

    def _take(self, row: CallRow) -> None:
        """Make the call of a row; without words it no longer holds any from here on."""
        keeps_words = self._keep.of(row.call.task) is not Bodies.NONE
        size = row.size if keeps_words else 0
        try:
            call = finished_call(row, self._prices.cost_usd, keep_words=keeps_words)
        except Exception as fault:
            self._done(1, row.size)
            self._lose(1, f"a call that cannot be written down ({type(fault).__name__})")
            return
        self._observe(row, call)
        self._done(0, row.size - size)
        self._calls.append((call, size))

    def _observe(self, row: CallRow, call: Call) -> None:
        for observe in self._observers:
            try:
                observe(row, call)
            except Exception as fault:
                self._say_now_and_then("call not counted", type(fault).__name__)

    def _write(self) -> bool:
        """Write all there is; whether that worked."""
        store = self._ready_store()
        if store is None:
            return False
        try:
            while self._policies:
                served = self._policies[0]
                store.ledger.add_policy(served.digest, served.text, served.path, at=served.at)
                del self._policies[0]
            if self._calls:
                self._add_calls(store)
            if self._feedback:
                store.feedback.add(self._feedback, self._keep)
                self._done(len(self._feedback), sum(said.size for said in self._feedback))
                self._feedback.clear()
        except StoreError as fault:
            self._trouble(str(fault))
            return False
        except Exception as fault:
            self._trouble(f"unexpected {type(fault).__name__}")
            return False
        if self.fault is not None:
            self.fault = None
            self._said.clear()
            say(logging.WARNING, "store writable again", lost=self.lost)
        return True

    def _add_calls(self, store: Store) -> None:
        try:
            store.calls.add((call for call, _ in self._calls), self._keep)
        except StoreBusyError:
            raise
        except Exception:
            # Perhaps one of them is what no store takes; others shall not be lost with it.
            self._add_one_by_one(store)
            return
        self._done(len(self._calls), sum(size for _, size in self._calls))
        self._calls.clear()

    def _add_one_by_one(self, store: Store) -> None:
        """A call that fails where a later one succeeds is lost; where none does, it is the store
        that fails."""
        failed: list[tuple[Call, int]] = []
        while self._calls:
            call, size = self._calls.pop(0)
            try:
                store.calls.add([call], self._keep)
            except Exception as fault:
                failed.append((call, size))
                if len(failed) < _FAILURES_IN_A_ROW and self._calls:
                    continue
                self._calls[:0] = failed
                raise StoreError(str(fault)) from fault
            self._done(1 + len(failed), size + sum(size for _, size in failed))
            if failed:
                self._lose(len(failed), "a call that no store takes")
                failed.clear()

    def _done(self, rows: int, size: int) -> None:
        with self._counting:
            self._waiting_rows -= rows
            self._waiting_bytes -= size

    def _look_up(self, models: Iterable[str]) -> None:
        try:
            self._prices.look_up(models)
        except Exception as fault:
            self._say_now_and_then("prices not read", type(fault).__name__)

    def _ready_store(self) -> Store | None:
        if self._store is None:
            try:
                self._store = self._open_store()
            except StoreError as fault:
                self._trouble(str(fault))
        return self._store

    def _trouble(self, reason: str) -> None:
        self.fault = reason
        self._say_now_and_then("store not writable", reason, waiting=self._waiting_rows)

    def _lose(self, rows: int, reason: str) -> None:
        with self._counting:
            self.lost += rows
        self._say_now_and_then("calls lost", reason, lost=self.lost)

    def _say_now_and_then(self, event: str, reason: str, **facts: object) -> None:
        now = time.monotonic()
        if now - self._said.get(event, -_REPEAT_S) >= _REPEAT_S:
            self._said[event] = now
            say(logging.ERROR, event, reason=reason, **facts)
