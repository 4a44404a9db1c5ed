"""The store as the log's thread has it: opened as soon as it can be, and again where its file is
gone."""

from __future__ import annotations

import logging
from collections.abc import Callable

from downroute.errors import StoreDownError, StoreError
from downroute.gateway.log_lines import say
from downroute.store import Store


class OpenedStore:
    """``open_store`` is called until it succeeds."""

    def __init__(self, open_store: Callable[[], Store]) -> None:
        self._open_store = open_store
        self._store: Store | None = None

    def ready(self) -> Store:
        """The store, open.

        Raises:
            StoreError: it cannot be opened.
        """
        if self._store is not None and not self._store.in_place:
            say(logging.ERROR, "store file gone", path=self._store.path, then="a new one is made")
            self.close()
        if self._store is None:
            try:
                self._store = self._open_store()
            except StoreError:
                raise
            except Exception as fault:
                raise StoreError(f"unexpected {type(fault).__name__}") from fault
        return self._store

    def check(self) -> None:
        """Called once something has been written.

        Raises:
            StoreDownError: it went to a file that nobody will find.
        """
        if self._store is not None and not self._store.in_place:
            path = self._store.path
            raise StoreDownError(f"{path}: deleted or replaced while it was written to")

    def close(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None
