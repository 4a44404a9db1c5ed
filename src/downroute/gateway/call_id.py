"""What a call is called: unique, in the order of time, and no client's to guess."""

from __future__ import annotations

import os

_DIGITS = 13
"""Random hexadecimal digits of one id: 52 bits."""
_AT_ONCE = 512
_random = ""
_at = 0
_millisecond = -1
_time = ""


def new_call_id(now: float) -> str:
    """The id of a call that began at Unix second ``now``: ``call-`` and 24 hex digits, the first 11
    of them its millisecond, so that the log's index grows at its end (as RFC 9562, section 5.7
    has it). Not for several threads at once."""
    global _random, _at, _millisecond, _time
    if _at == len(_random):
        # Asking the kernel each time would cost more than the rest of the log's row.
        _random, _at = os.urandom(_DIGITS * _AT_ONCE // 2).hex(), 0
    millisecond = int(now * 1000)
    if millisecond != _millisecond:
        _millisecond, _time = millisecond, f"call-{millisecond:011x}"
    drawn = _random[_at : _at + _DIGITS]
    _at += _DIGITS
    return _time + drawn
