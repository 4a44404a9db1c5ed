"""Every error a user can cause or meet, as one tree.

    DownrouteError
    ├── ConfigError        a file that a person edits is wrong (file:line:column)
    │   └── PolicyError    … the policy
    ├── UsageError         the command was called in a way that cannot work
    ├── InputError         a log, recording or grades file cannot be read as such
    ├── StoreError         the store cannot be opened, read or written
    │   └── StoreDownError its file, its disk or another process does not let anything be written
    │       └── StoreBusyError another process holds what this one needs
    ├── UpstreamError      an upstream refused, failed or answered nonsense
    ├── BudgetError        the budget does not allow the next step
    └── TaskStoppedError   measuring one task makes no sense as things stand

Each message says what is wrong, where, and what to do. ``cli`` prints it on one line and exits
with ``exit_code``; a traceback is a bug of ours.
"""

from __future__ import annotations


class DownrouteError(Exception):
    """The root: catch this to catch whatever downroute raises on purpose."""

    exit_code = 1


class ConfigError(DownrouteError):
    """A file that a person edits does not say something downroute understands."""


class PolicyError(ConfigError):
    """``policy.yaml`` does not say something downroute understands or may serve."""


class UsageError(DownrouteError):
    """The command line asks for something that cannot work."""

    exit_code = 2


class InputError(DownrouteError):
    """A file of logs, recordings or grades cannot be read as what it should be."""


class StoreError(DownrouteError):
    """The store cannot be opened, read or written."""


class StoreDownError(StoreError):
    """Nothing can be written there now, whatever it is: a full disk, a lost file, no permission."""


class StoreBusyError(StoreDownError):
    """Another process holds what this one needs; waiting or another store helps."""


class UpstreamError(DownrouteError):
    """An upstream could not be reached, refused, or answered what is no answer.

    ``status`` is its HTTP status, ``None`` where there was no HTTP answer. ``param`` is the
    request parameter the upstream named as the fault, if it named one.
    """

    def __init__(self, message: str, *, status: int | None = None, param: str | None = None):
        super().__init__(message)
        self.status = status
        self.param = param


class BudgetError(DownrouteError):
    """The budget does not allow the next step; what was measured so far is kept."""

    exit_code = 102


class TaskStoppedError(DownrouteError):
    """Measuring one task makes no sense as things stand (say: every call is refused)."""


def unreadable(fault: OSError | UnicodeDecodeError) -> str:
    """Why a file cannot be read, in a few words."""
    if isinstance(fault, UnicodeDecodeError):
        return f"byte {fault.start} is not UTF-8"
    return fault.strerror or str(fault)
