"""One SQLite file: its connections, its permissions, its version, and errors people can act on.

WAL with ``synchronous=NORMAL``: a committed row survives the death of the process (``kill -9``)
because it has reached the kernel; a power cut may take the last moments' rows but never damages
the file. With ``durable`` (``synchronous=FULL``) a commit returns when its rows are on disk, and
survives that too. Other processes read while one writes.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from downroute.errors import StoreBusyError, StoreDownError, StoreError
from downroute.store.lock import held
from downroute.store.migrations import MIGRATIONS

FILE_NAME = "store.db"
APPLICATION_ID = 0x64726F75
"""SQLite's ``application_id`` of our files: "drou"."""


class Database:
    """The file, with one connection for each thread that asks for one."""

    def __init__(self, directory: Path, busy_timeout_s: float, *, durable: bool = False) -> None:
        self.path = directory / FILE_NAME
        self._busy_timeout_s = busy_timeout_s
        self._synchronous = "FULL" if durable else "NORMAL"
        self._file: tuple[int, int] | None = None
        self._connections: dict[threading.Thread, sqlite3.Connection] = {}
        self._guard = threading.Lock()
        self._closed = False

    @classmethod
    def open(
        cls, directory: Path, *, create: bool, busy_timeout_s: float, durable: bool = False
    ) -> Database:
        """The database in ``directory``, made and brought up to date where needed."""
        path = directory / FILE_NAME
        if not create and not path.exists():
            raise StoreError(
                f"there is no store in {directory}; `downroute import` makes one from a log, "
                "`downroute serve` from live calls"
            )
        _make_directory(directory)
        database = cls(directory, busy_timeout_s, durable=durable)
        try:
            # One process at a time: neither making the file nor the switch to WAL waits for a
            # second process by itself.
            with held(directory / "open.lock", "start of downroute", wait_s=busy_timeout_s):
                _make_private(path)
                database._bring_up_to_date()
                if durable:
                    _sync_directory(directory)
            database._file = _identity(path)
        except BaseException:
            database.close()
            raise
        return database

    @property
    def in_place(self) -> bool:
        """Whether the file that was opened is still there. Where it was deleted or replaced SQLite
        goes on writing to what nobody will ever find."""
        return self._file is not None and _identity(self.path) == self._file

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """This thread's connection; what SQLite refuses becomes a `StoreError`."""
        try:
            yield self._connection()
        except sqlite3.Error as fault:
            raise self._explained(fault) from fault

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """This thread's connection inside one transaction: all of the block or nothing of it."""
        with self.reading() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                # SQLite may have rolled back by itself (a full disk); then there is nothing to do.
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Close every thread's connection; the last one out folds the WAL into the file."""
        with self._guard:
            self._closed = True
            for connection in self._connections.values():
                connection.close()
            self._connections.clear()

    def _connection(self) -> sqlite3.Connection:
        thread = threading.current_thread()
        connection = self._connections.get(thread)
        if connection is None:
            with self._guard:
                if self._closed:
                    raise StoreError(f"{self.path}: this store has been closed")
                for gone in [t for t in self._connections if not t.is_alive()]:
                    self._connections.pop(gone).close()
                connection = self._connections[thread] = self._connect()
        return connection

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path,
            timeout=self._busy_timeout_s,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            connection.execute(f"PRAGMA synchronous = {self._synchronous}")
            # What is deleted is overwritten, not just unlinked: it may be somebody's words.
            connection.execute("PRAGMA secure_delete = ON")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _bring_up_to_date(self) -> None:
        with self.reading() as connection:
            version = _pragma(connection, "user_version")
            ours = _pragma(connection, "application_id") == APPLICATION_ID
            if not ours and connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                raise StoreError(
                    f"{self.path} is an SQLite file of another program; use another store"
                )
            if version > len(MIGRATIONS):
                raise StoreError(
                    f"{self.path} was written by a newer downroute (format {version}, this one "
                    f"knows {len(MIGRATIONS)}); upgrade downroute or use another store"
                )
            if version == len(MIGRATIONS):
                return
            connection.execute("PRAGMA journal_mode = WAL")
        with self.writing() as connection:
            for migrate in MIGRATIONS[version:]:
                migrate(connection)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")

    def _explained(self, fault: sqlite3.Error) -> StoreError:
        code = getattr(fault, "sqlite_errorcode", None)
        primary = None if code is None else code & 0xFF
        if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return StoreBusyError(
                f"{self.path}: another process has been writing for more than "
                f"{self._busy_timeout_s:g} s; wait for it to end or use another store"
            )
        known = _ADVICE.get(primary) if primary is not None else None
        kind = StoreDownError if primary in _DOWN else StoreError
        return kind(f"{self.path}: {known or fault}" + (f" ({fault})" if known else ""))


_ADVICE = {
    sqlite3.SQLITE_FULL: "the disk is full; free some room, then run the same command again",
    sqlite3.SQLITE_READONLY: "read-only; make it writable for this user or use another store",
    sqlite3.SQLITE_PERM: "not permitted; make it writable for this user or use another store",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened; check that it and its folder can be written",
    sqlite3.SQLITE_IOERR: "the disk does not read or write; check it, then run the command again",
    sqlite3.SQLITE_CORRUPT: "damaged; restore a copy of it or use another store",
    sqlite3.SQLITE_NOTADB: "not a downroute store; use another store",
    sqlite3.SQLITE_TOOBIG: "one value is larger than SQLite can hold",
}
_DOWN = frozenset(_ADVICE) - {sqlite3.SQLITE_TOOBIG}


def _make_directory(directory: Path) -> None:
    """Make the store's folder, for this user only. One that is already there stays as it is."""
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        directory.mkdir(mode=0o700)
        directory.chmod(0o700)
    except OSError as fault:
        if not directory.is_dir():
            raise StoreDownError(
                f"{directory}: the store's folder cannot be made ({fault.strerror}); "
                "use another store"
            ) from None


def _make_private(path: Path) -> None:
    """Make ``path`` with mode 0600 whatever the umask; SQLite gives -wal and -shm the same mode."""
    try:
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
            file = path.with_name(name)
            with suppress(FileNotFoundError):
                if file.stat().st_mode & 0o777 != 0o600:
                    file.chmod(0o600)
    except OSError as fault:
        raise StoreDownError(
            f"{path}: cannot be made private to this user ({fault.strerror}); use another store"
        ) from None


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _sync_directory(directory: Path) -> None:
    """Have the files' names on disk, too."""
    try:
        for folder in (directory, directory.parent):
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
    except OSError as fault:
        raise StoreDownError(
            f"{directory}: its names cannot be brought to disk ({fault.strerror}); "
            "put the store on a local disk"
        ) from None


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])
