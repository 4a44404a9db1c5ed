"""What a call is called: unique, in the order of time, and no client's to guess."""

from __future__ import annotations

import os
from typing import Final

_DIGITS: Final = 13
"""Random hexadecimal digits of one id: 52 bits."""
_AT_ONCE: Final = 512


class _Ids:
    """Random digits drawn for many ids at once: asking the kernel for each would cost more than the
    rest of the log's row."""

    __slots__ = ("_at", "_millisecond", "_random", "_time")

    def __init__(self) -> None:
        self._random = ""
        self._at = 0
        self._millisecond = -1
        self._time = ""

    def new(self, now: float) -> str:
        at = self._at
        if at == len(self._random):
            self._random, at = os.urandom(_DIGITS * _AT_ONCE // 2).hex(), 0
        millisecond = int(now * 1000)
        if millisecond != self._millisecond:
            self._millisecond, self._time = millisecond, f"call-{millisecond:011x}"
        self._at = at + _DIGITS
        return self._time + self._random[at : at + _DIGITS]


_ids: Final = _Ids()


def new_call_id(now: float) -> str:
    """The id of a call that began at Unix second ``now``: ``call-`` and 24 hex digits, the first 11
    of them its millisecond, so that the log's index grows at its end (as RFC 9562, section 5.7
    has it). Not for several threads at once."""
    return _ids.new(now)
