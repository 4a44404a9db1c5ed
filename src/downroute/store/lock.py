"""Advisory file locks: one process at a time, freed by the system when its holder dies."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from downroute.errors import StoreBusyError, StoreDownError

_POLL_S = 0.05


@contextmanager
def held(path: Path, what: str, *, wait_s: float = 0.0) -> Iterator[None]:
    """Hold ``path`` (made if absent, mode 0600, the holder's pid inside) while the block runs.

    Two locks of one path exclude each other inside one process as well. The file stays behind:
    removing it would let a third process lock a name that a second one still waits for.

    Raises:
        StoreBusyError: another holder did not let go within ``wait_s`` seconds; ``what`` names
            the kind of holder in the message.
        StoreDownError: the file cannot be made or locked.
    """
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        if os.fstat(file).st_mode & 0o777 != 0o600:
            os.fchmod(file, 0o600)
    except OSError as fault:
        raise StoreDownError(
            f"{path}: cannot be written ({fault.strerror}); "
            "make the folder writable for this user or use another store"
        ) from None
    try:
        _acquire(file, path, what, time.monotonic() + wait_s)
        with suppress(OSError):
            # A courtesy to whoever waits; a full disk holds a lock as well as any other.
            os.ftruncate(file, 0)
            os.pwrite(file, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(file)


def _acquire(file: int, path: Path, what: str, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise StoreBusyError(
                    f"another {what}{_holder(file)} is using the store {path.parent}; "
                    "wait for it to end or use another store"
                ) from None
            time.sleep(_POLL_S)
        except OSError as fault:
            raise StoreDownError(
                f"{path}: cannot be locked ({fault.strerror}); put the store on a local disk"
            ) from None


def _holder(file: int) -> str:
    pid = os.pread(file, 20, 0).decode("ascii", "replace").strip()
    return f" (pid {pid})" if pid.isdigit() else ""
