"""PURE: the head of an HTTP/1.1 reply as bytes."""

from __future__ import annotations

import time
from email.utils import formatdate
from http import HTTPStatus
from typing import Final

from downroute.gateway.message import BODILESS, Headers

_STATUS_LINES: Final = {s.value: f"HTTP/1.1 {s.value} {s.phrase}" for s in HTTPStatus}
_LINE_END: Final = b"\r\n"


def has_body(status: int) -> bool:
    """Whether a reply of this status may have a body (RFC 9110, 6.4.1)."""
    return status >= 200 and status not in BODILESS


def empty_framing(status: int) -> str:
    """How a client is told of a status without a body that there is none, where it would look for
    one: 204 and 304 say so by themselves, 205 does not (RFC 9112, 6.3)."""
    return "content-length: 0\r\n" if status == HTTPStatus.RESET_CONTENT else ""


def reply_head(status: int, headers: Headers, framing: str) -> bytes:
    """Status line, ``headers`` and ``framing`` (whole lines of its own), up to the empty line.

    A header that would begin another line is left out: nothing an upstream says may add to what
    the gateway says.
    """
    lines = [_STATUS_LINES.get(status) or f"HTTP/1.1 {status} "]
    serves = dated = False
    for pair in headers:
        name = pair[0]
        if name == "server":
            serves = True
        elif name == "date":
            dated = True
        lines.append(": ".join(pair))
    if not _is_one_line("".join(lines)):
        lines = [line for line in lines if _is_one_line(line)]
    if not serves:
        lines.append("server: downroute")
    if not dated:
        lines.append(_date_line())
    lines.append(framing)
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + _LINE_END


def _is_one_line(text: str) -> bool:
    return "\n" not in text and "\r" not in text and "\0" not in text


_dated: tuple[int, str] = (0, "")


def _date_line() -> str:
    """The date header of this second, made once a second."""
    global _dated
    now = int(time.time())
    if _dated[0] != now:
        _dated = now, f"date: {formatdate(now, usegmt=True)}"
    return _dated[1]
