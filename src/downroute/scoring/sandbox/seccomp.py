"""The system calls a program may not make, as a BPF program for the kernel. Pure.

What namespaces and limits leave open: new namespaces (in which one would be root again), mounts,
tracing, kernel interfaces that ordinary programs have no use for, memory that no limit counts, and
every socket but local ones (a network namespace does not cover all address families).
"""

from __future__ import annotations

import errno
import platform
import struct

_LOAD, _JUMP_EQUAL, _JUMP_ABOVE, _JUMP_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
_X32 = 0x40000000
_NEW_NAMESPACES = 0x7E020080
"""All CLONE_NEW… flags."""
_AF_UNIX = 1

_AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_CLONE = {"x86_64": 56, "aarch64": 220}
_SOCKET = {"x86_64": 41, "aarch64": 198}
_CLONE3 = 435
_NEWER = (*range(424, 434), 438, 442, 447)
"""Equal on both machines: pidfd signals, io_uring, the newer mount calls, pidfd_getfd,
mount_setattr, memfd_secret."""
_REFUSED = {
    "x86_64": (
        29, 30, 31, 64, 68, 69, 70, 71, 101, 103, 139, 153, 155, 156, 161, 163, 165, 166, 167, 168,
        169, 170, 171, 172, 173, 174, 175, 176, 177, 178, 179, 180, 212, 240, 246, 248, 249, 250,
        256, 272, 279, 298, 300, 301, 303, 304, 308, 310, 311, 312, 313, 319, 320, 321, 323,
        *_NEWER,
    ),
    "aarch64": (
        18, 39, 40, 41, 42, 51, 58, 60, 89, 97, 104, 105, 106, 116, 117, 142, 161, 162, 180, 186,
        187, 188, 189, 190, 191, 194, 195, 196, 197, 217, 218, 219, 224, 225, 238, 239, 241, 262,
        264, 265, 268, 270, 271, 272, 273, 279, 280, 282, 294, *_NEWER,
    ),
}  # fmt: skip


def filter_program(machine: str | None = None) -> bytes | None:
    """The filter for this machine as the kernel reads it; ``None`` for one we have no table of."""
    machine = machine or platform.machine()
    if machine not in _AUDIT:
        return None
    refuse = _statement(_RETURN, _REFUSE | errno.EPERM)
    code = [
        _statement(_LOAD, _ARCHITECTURE),
        _jump(_JUMP_EQUAL, _AUDIT[machine], 1, 0),
        refuse,
        _statement(_LOAD, _NUMBER),
        _jump(_JUMP_ABOVE, _X32, 0, 1),
        refuse,
        # Its flags lie in memory, out of a filter's sight: callers fall back to clone.
        _jump(_JUMP_EQUAL, _CLONE3, 0, 1),
        _statement(_RETURN, _REFUSE | errno.ENOSYS),
    ]
    for number in _REFUSED[machine]:
        code += [_jump(_JUMP_EQUAL, number, 0, 1), refuse]
    code += [
        _jump(_JUMP_EQUAL, _CLONE[machine], 0, 4),
        _statement(_LOAD, _FIRST_ARGUMENT),
        _jump(_JUMP_ANY_BIT, _NEW_NAMESPACES, 0, 1),
        refuse,
        _statement(_RETURN, _ALLOW),
        _jump(_JUMP_EQUAL, _SOCKET[machine], 0, 3),
        _statement(_LOAD, _FIRST_ARGUMENT),
        _jump(_JUMP_EQUAL, _AF_UNIX, 1, 0),
        refuse,
        _statement(_RETURN, _ALLOW),
    ]
    return b"".join(code)


def _statement(code: int, value: int) -> bytes:
    return struct.pack("=HBBI", code, 0, 0, value)


def _jump(code: int, value: int, if_true: int, if_false: int) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
