"""The log: a thread that writes finished calls to the store, in batches, while calls go on.

While the store cannot be written, rows are kept up to a bound; beyond it they are counted as lost,
loudly. Nothing here makes a call wait for a disk or fail, unless its reply is to wait for its row
(`confirmations`).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence

from downroute.errors import StoreDownError, StoreError
from downroute.gateway.backlog import Backlog, Bound, Soon
from downroute.gateway.call_row import CallRow, finished_call
from downroute.gateway.confirmations import REFUSAL, UNWRITTEN, Confirmations, Ticket
from downroute.gateway.log_lines import Seldom, say
from downroute.gateway.opened_store import OpenedStore
from downroute.gateway.policy_file import ServedText
from downroute.gateway.prices import Prices
from downroute.gateway.question_sample import QuestionSample
from downroute.records import Call, Usage
from downroute.store import Bodies, Feedback, Keeping, Store

_COLLECT_S = 0.02
"""How long rows gather to be committed together; `kill -9` must not lose what is 50 ms old."""
_RETRY_S = 1.0
_FAILURES_IN_A_ROW = 3
"""So many calls failing one after the other are the store's fault, not theirs."""

_Item = CallRow | Feedback | ServedText | Ticket

Observer = Callable[[CallRow, Call], None]
"""Hears of each call that ended, in the log's thread, whether or not it can be written."""


class CallLog:
    """``open_store`` is called until it succeeds. ``keep`` says what of a call's words is kept.
    With ``confirmations`` replies wait until their rows are on disk; without, ``soon`` may be what
    lets a reply go out before the log's thread is woken (`Backlog`)."""

    def __init__(
        self,
        open_store: Callable[[], Store],
        prices: Prices,
        keep: Keeping,
        bound: Bound | None = None,
        observers: Sequence[Observer] = (),
        confirmations: Confirmations | None = None,
        soon: Soon | None = None,
    ) -> None:
        self.lost = 0
        """Rows that will never be in the store."""
        self.fault: str | None = None
        """Why the store cannot be written, while that is so."""
        self.keeps_words = keep.keeps_words
        self._keep = keep
        self._confirmations = confirmations
        self._store = OpenedStore(open_store)
        self._prices = prices
        self._sample = QuestionSample()
        self._observers = observers
        self._backlog: Backlog[_Item] = Backlog(bound or Bound(), soon)
        self._losing = threading.Lock()
        self._seldom = Seldom()
        self._calls: list[tuple[Call, int]] = []
        self._unsent: list[str] = []
        self._policies: list[ServedText] = []
        self._served: ServedText | None = None
        self._known_in: Store | None = None
        self._feedback: list[Feedback] = []
        self._writer = threading.Thread(target=self._run, name="downroute-call-log", daemon=True)

    def start(self, models: Iterable[str] = ()) -> None:
        """Open the store, if that works, look up what ``models`` cost, so that the first reply can
        say it, and begin to write."""
        self._ready_store()
        self._look_up(models)
        self._writer.start()

    @property
    def confirms(self) -> bool:
        """Whether replies wait for their rows."""
        return self._confirmations is not None

    @property
    def refuses(self) -> bool:
        """Whether calls are to be refused: their replies would wait for rows in vain."""
        return self._confirmations is not None and self.fault is not None

    def add(self, row: CallRow) -> Ticket | None:
        """Take a finished call. Never waits; whoever may not reply before the row is on disk gets a
        ticket for `written`."""
        confirmations = self._confirmations
        ticket = None if confirmations is None else confirmations.expect(row.call.id)
        if not self._backlog.take(row, row.size):
            self._lose(1, self.fault or "more calls than the store takes")
            self._observe(row, row.call)
            if ticket is not None and confirmations is not None:
                confirmations.lose(ticket)
        return ticket

    async def written(self, ticket: Ticket) -> bool:
        """Whether the row of ``ticket`` is on disk, once that is known or has taken too long. Where
        it is not, the reply may not be sent, and the row, if it is written later, says so."""
        written = self._confirmations is None or await self._confirmations.written(ticket)
        if not written:
            self._backlog.put(ticket)
        return written

    async def add_feedback(self, said: Feedback) -> bool:
        """Take what is said of a call; whether there was room for it and, where replies wait for
        rows, it is on disk."""
        confirmations = self._confirmations
        if confirmations is None or self.fault is not None:
            return not self.refuses and self._backlog.take(said, said.size)
        ticket = confirmations.expect(_name(said))
        if self._backlog.take(said, said.size):
            return await confirmations.written(ticket)
        confirmations.lose(ticket)
        return False

    @property
    def waiting(self) -> int:
        """Rows that wait to be written."""
        return self._backlog.rows

    def serve_policy(self, served: ServedText) -> None:
        """Enter a policy that is served from now on, and look up what its models cost."""
        self._backlog.put(served)

    def close(self, timeout_s: float) -> None:
        """Write what is there, for at most ``timeout_s``, and close the store."""
        self._backlog.close()
        if self._writer.is_alive():
            self._writer.join(timeout_s)
        if self.waiting:
            self._lose(self.waiting, self.fault or "the gateway stopped too soon")
        if not self._writer.is_alive():
            self._store.close()

    def _run(self) -> None:
        retry_at = 0.0
        last = False
        while not last:
            held = self._calls or self._policies or self._feedback or self._unsent
            timeout_s = _RETRY_S if held or self.fault is not None else None
            items = self._backlog.gathered(timeout_s, 0.0 if self.confirms else _COLLECT_S)
            last = None in items
            freed = 0
            for item in items:
                if isinstance(item, CallRow):
                    freed += self._take(item)
                elif isinstance(item, Feedback):
                    self._feedback.append(item)
                elif isinstance(item, Ticket):
                    self._unsent.append(item.row)
                elif item is not None:
                    self._look_up(item.models)
                    self._policies.append(item)
            if freed:
                self._backlog.done(0, freed)
            if last or time.monotonic() >= retry_at:
                retry_at = 0.0 if self._write() else time.monotonic() + _RETRY_S

    def _take(self, row: CallRow) -> int:
        """Make the call of a row; without words it no longer holds any from here on. How many
        bytes that frees."""
        keeps_words = self._keep.of(row.call.task) is not Bodies.NONE
        size = row.size if keeps_words else 0
        try:
            call = finished_call(row, self._cost_usd, self._sample, keep_words=keeps_words)
        except Exception as fault:
            self._backlog.done(1, row.size)
            self._lose(1, f"a call that cannot be written down ({type(fault).__name__})")
            self._confirm([row.call], on_disk=False)
            return 0
        self._observe(row, call)
        self._calls.append((call, size))
        return row.size - size

    def _cost_usd(self, model: str, usage: Usage) -> float | None:
        """Where prices cannot be read (no more files may be opened, say) a cost is not known yet:
        it is filled in later, and the call is not lost for it."""
        try:
            return self._prices.cost_usd(model, usage)
        except Exception as fault:
            self._seldom.say("prices not read", reason=type(fault).__name__)
            return None

    def _observe(self, row: CallRow, call: Call) -> None:
        for observe in self._observers:
            try:
                observe(row, call)
            except Exception as fault:
                self._seldom.say("call not counted", reason=type(fault).__name__)

    def _write(self) -> bool:
        """Write all there is; whether that worked."""
        store = self._ready_store()
        if store is None:
            return False
        try:
            self._add_policies(store)
            if self._calls:
                self._add_calls(store)
            if self._unsent:
                store.calls.retell(self._unsent, status=REFUSAL.status, error=UNWRITTEN)
                self._unsent.clear()
            if self._feedback:
                store.feedback.add(self._feedback, self._keep)
                self._store.check()
                self._backlog.done(len(self._feedback), sum(said.size for said in self._feedback))
                self._tell(map(_name, self._feedback), on_disk=True)
                self._feedback.clear()
        except StoreError as fault:
            self._trouble(str(fault))
            return False
        except Exception as other:
            self._trouble(f"unexpected {type(other).__name__}")
            return False
        if self.fault is not None:
            self.fault = None
            self._seldom.forget()
            say(logging.WARNING, "store writable again", lost=self.lost)
        return True

    def _add_policies(self, store: Store) -> None:
        """Enter policies that are new; in a store that is new, the one in force as well."""
        if store is not self._known_in and self._served is not None and not self._policies:
            self._policies.append(self._served)
        if self._policies:
            for served in self._policies:
                store.ledger.add_policy(served.digest, served.text, served.path, at=served.at)
            self._store.check()
            self._served = self._policies[-1]
            self._policies.clear()
        self._known_in = store

    def _add_calls(self, store: Store) -> None:
        try:
            store.calls.add([call for call, _ in self._calls], self._keep)
            self._store.check()
        except StoreDownError:
            raise
        except Exception:
            # Perhaps one of them is what no store takes; others shall not be lost with it.
            self._add_one_by_one(store)
            return
        self._backlog.done(len(self._calls), sum(size for _, size in self._calls))
        self._confirm([call for call, _ in self._calls], on_disk=True)
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
                more = len(failed) < _FAILURES_IN_A_ROW and self._calls
                if more and not isinstance(fault, StoreDownError):
                    continue
                self._calls[:0] = failed
                raise StoreError(str(fault)) from fault
            self._backlog.done(1 + len(failed), size + sum(size for _, size in failed))
            self._confirm([call], on_disk=True)
            if failed:
                self._lose(len(failed), "a call that no store takes")
                self._confirm([call for call, _ in failed], on_disk=False)
                failed.clear()

    def _confirm(self, calls: Iterable[Call], *, on_disk: bool) -> None:
        self._tell((call.id for call in calls), on_disk=on_disk)

    def _tell(self, rows: Iterable[str], *, on_disk: bool) -> None:
        if self._confirmations is not None:
            self._confirmations.tell(list(rows), on_disk=on_disk)

    def _look_up(self, models: Iterable[str]) -> None:
        try:
            self._prices.look_up(models)
        except Exception as fault:
            self._seldom.say("prices not read", reason=type(fault).__name__)

    def _ready_store(self) -> Store | None:
        try:
            return self._store.ready()
        except StoreError as fault:
            self._trouble(str(fault))
            return None

    def _trouble(self, reason: str) -> None:
        self.fault = reason
        self._seldom.say("store not writable", reason=reason, waiting=self.waiting)

    def _lose(self, rows: int, reason: str) -> None:
        with self._losing:
            self.lost += rows
        self._seldom.say("calls lost", reason=reason, lost=self.lost)


def _name(said: Feedback) -> str:
    """What tells it from all others that wait."""
    return f"feedback {id(said)}"
