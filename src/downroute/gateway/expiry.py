"""What the store has kept for long enough is deleted while calls go on, a little at a time."""

from __future__ import annotations

import asyncio
import logging
import threading
import time

from downroute.errors import StoreBusyError, StoreError
from downroute.gateway.log_lines import say
from downroute.store import Store
from downroute.store_settings import StoreSettings

DAY_S = 86_400.0
_MOST_OFTEN_S, _LEAST_OFTEN_S = 1.0, 3600.0
_BREATH_S = 0.05
"""How long each step of a purge leaves the store to others."""


class Expiry:
    """Deletes from the store what it has held for ``keep_days``; nothing ever where that is
    ``None``."""

    def __init__(self, settings: StoreSettings) -> None:
        days = settings.keep_days
        self._folder = settings.path
        self._keep_s = None if days is None else days * DAY_S
        self._stopping = threading.Event()

    async def watch(self) -> None:
        """Look for it, at once and then every hour, or more often where little is kept."""
        if self._keep_s is None:
            return
        every_s = min(max(self._keep_s / 24, _MOST_OFTEN_S), _LEAST_OFTEN_S)
        try:
            while True:
                await asyncio.to_thread(self.delete, time.time() - self._keep_s)
                await asyncio.sleep(every_s)
        finally:
            self._stopping.set()

    def delete(self, moment: float) -> None:
        """Delete what the store has held since before Unix second ``moment``. Of several workers
        one does; where the store is not there or not writable, the next look is soon enough."""
        try:
            with Store.open(self._folder, create=False) as store, store.lock("purge"):
                gone = store.purge.expired(moment, self._go_on)
        except StoreBusyError:
            return
        except StoreError as fault:
            say(logging.WARNING, "expired words not deleted", reason=str(fault))
            return
        if gone.any:
            say(
                logging.INFO,
                "expired words deleted",
                bodies=gone.bodies,
                asked_answers=gone.asked_answers,
                rejected_texts=gone.rejected_texts,
                recorded_scores=gone.recorded_scores,
                comments=gone.comments,
                in_wal=None if gone.finished else "until the next look",
            )

    def _go_on(self) -> bool:
        return not self._stopping.wait(_BREATH_S)
