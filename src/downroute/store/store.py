"""The store: one folder with one SQLite file, and what is in it by name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple

from downroute.errors import StoreError
from downroute.once import once
from downroute.records import BadRow, Call, RecordedScore
from downroute.store.bodies import Bodies
from downroute.store.calls import Calls
from downroute.store.database import Database
from downroute.store.feedback import StoredFeedback
from downroute.store.ledger import Ledger
from downroute.store.lock import held
from downroute.store.redaction import Redaction

if TYPE_CHECKING:
    from downroute.store.blinding import Blinding
    from downroute.store.journal import Journal
    from downroute.store.purge import Purge
    from downroute.store.recorded import Recorded
    from downroute.store.rejected import Rejected

_SIDE_ROWS = 1000


class Imported(NamedTuple):
    """What came of an import: calls new and already known, new scores, rows kept aside."""

    new: int
    known: int
    scores: int
    rejected: int


class Store:
    """A store that is open. Use it as a context manager; any thread may use it, each with a
    connection of its own. What a gateway does not write is loaded when it is asked for."""

    def __init__(self, directory: Path, database: Database, redaction: Redaction) -> None:
        self.directory = directory
        self.path = database.path
        self.calls = Calls(database, redaction)
        self.ledger = Ledger(database)
        self.feedback = StoredFeedback(database, redaction)
        self._database = database
        self._redaction = redaction

    @once
    def recorded(self) -> Recorded:
        from downroute.store.recorded import Recorded

        return Recorded(self._database)

    @once
    def rejected(self) -> Rejected:
        from downroute.store.rejected import Rejected

        return Rejected(self._database, self._redaction)

    @once
    def journal(self) -> Journal:
        from downroute.store.journal import Journal

        return Journal(self._database)

    @once
    def blinding(self) -> Blinding:
        from downroute.store.blinding import Blinding

        return Blinding(self._database)

    @once
    def purge(self) -> Purge:
        from downroute.store.purge import Purge

        return Purge(self._database)

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        create: bool = True,
        redaction: Redaction | None = None,
        busy_timeout_s: float = 10.0,
        durable: bool = False,
    ) -> Store:
        """Open the store in ``directory``, making it where ``create`` allows.

        A folder made here has mode 0700, every file 0600 whatever the umask. ``redaction`` is
        what ``Bodies.REDACTED`` means in this store; ``busy_timeout_s`` how long a write waits
        for other processes. ``durable``: what is written is on disk before the call returns.

        Raises:
            StoreError: it cannot be opened, is damaged, or was written by a newer downroute.
        """
        database = Database.open(
            directory, create=create, busy_timeout_s=busy_timeout_s, durable=durable
        )
        return cls(directory, database, redaction or Redaction())

    def add(
        self, items: Iterable[Call | RecordedScore | BadRow], keep: Bodies | str = Bodies.FULL
    ) -> Imported:
        """Take in what an importer yields, each kind in its place, lazily.

        With ``Bodies.NONE`` recorded scores are left out: they are found by digests of texts
        short enough to be guessed, and nobody can measure on a log without its words.
        """
        keep = Bodies(keep)
        scores: list[RecordedScore] = []
        rejected: list[BadRow] = []
        counts = {"scores": 0, "rejected": 0}

        def put_aside() -> None:
            if keep is not Bodies.NONE:
                counts["scores"] += self.recorded.add(scores).new
            counts["rejected"] += self.rejected.add(rejected, keep)
            scores.clear()
            rejected.clear()

        def only_calls() -> Iterator[Call]:
            for item in items:
                if isinstance(item, Call):
                    yield item
                elif isinstance(item, RecordedScore):
                    scores.append(item)
                else:
                    rejected.append(item)
                if len(scores) + len(rejected) >= _SIDE_ROWS:
                    put_aside()

        try:
            added = self.calls.add(only_calls(), keep)
        finally:
            put_aside()
        return Imported(*added, **counts)

    def lock(self, name: str) -> AbstractContextManager[None]:
        """Hold the lock ``name`` ("study") of this store while the block runs.

        Raises:
            StoreBusyError: another process, or this one, holds it.
        """
        if not re.fullmatch(r"[a-z][a-z0-9_-]*", name):
            raise StoreError(f"{name!r} is no name of a lock; use lower-case letters")
        return held(self.directory / f"{name}.lock", name)

    @property
    def in_place(self) -> bool:
        """Whether the file that was opened is still the one at its path."""
        return self._database.in_place

    def close(self) -> None:
        self._database.close()
        self._redaction.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
