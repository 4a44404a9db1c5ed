"""What a call is called: unique, in the order of time, and no client's to guess."""

from __future__ import annotations

import os

_EACH = 7
"""Random bytes of one id: 6.5 are used."""
_AT_ONCE = 512
_random = b""
_at = 0


def new_call_id(now: float) -> str:
    """The id of a call that began at Unix second ``now``: ``call-`` and 24 hex digits, the first 11
    of them its millisecond, so that the log's index grows at its end (as RFC 9562, section 5.7
    has it). Not for several threads at once."""
    global _random, _at
    if _at == len(_random):
        # Asking the kernel each time would cost more than the rest of the log's row.
        _random, _at = os.urandom(_EACH * _AT_ONCE), 0
    drawn = _random[_at : _at + _EACH].hex()
    _at += _EACH
    return "call-%011x%s" % (int(now * 1000), drawn[:13])  # noqa: UP031 - much faster once compiled
