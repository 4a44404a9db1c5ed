"""A listening socket that completes no more connections, so that its last can be taken.

Between the last look at those who wait to be taken and the close a busy machine may do something
else for milliseconds. Whoever connects meanwhile is reset by the close, with a request sent. So
the kernel first passes over who begins to connect: such a client begins again within a second or
so, and then comes to another worker, or is refused and knows that nobody had its request.
"""

from __future__ import annotations

import ctypes
import socket
import struct
import sys
from contextlib import suppress

_SO_ATTACH_FILTER = 26
"""asm-generic/socket.h; Python has no name for it."""
_BEGINNINGS_DROPPED = (
    (0x30, 0, 0, 13),  # load the byte with the flags of a TCP header (RFC 9293, 3.1)
    (0x45, 0, 1, 0x02),  # SYN is set: go on, else pass over one instruction
    (0x06, 0, 0, 0),  # drop
    (0x06, 0, 0, 0xFFFFFFFF),  # keep all of it
)
"""Of the kernel's packet filter: code, jumps if true and if not, operand."""
_PROGRAM = ctypes.create_string_buffer(
    b"".join(struct.pack("HBBI", *step) for step in _BEGINNINGS_DROPPED)
)
"""Kept here, since the kernel is told its address alone: compiled, what a function has in hand is
gone after its last use."""
_FILTER = struct.pack("@HP", len(_BEGINNINGS_DROPPED), ctypes.addressof(_PROGRAM))


def let_nobody_connect(listener: socket.socket) -> None:
    """Pass over whoever begins to connect from now on. Does nothing where the kernel cannot."""
    if sys.platform != "linux":
        return
    with suppress(OSError):
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, _FILTER)
