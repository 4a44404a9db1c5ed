"""PURE: the head of an HTTP/1.1 reply as bytes."""

from __future__ import annotations

import time
from email.utils import formatdate
from http import HTTPStatus

from downroute.gateway.message import BODILESS, Headers

_STATUS_LINES = {s.value: f"HTTP/1.1 {s.value} {s.phrase}\r\n" for s in HTTPStatus}


def has_body(status: int) -> bool:
    """Whether a reply of this status may have a body (RFC 9110, 6.4.1)."""
    return status >= 200 and status not in BODILESS


def reply_head(status: int, headers: Headers, framing: str) -> bytes:
    """Status line, ``headers`` and ``framing`` (whole lines of its own), up to the empty line.

    A header that would begin another line is left out: nothing an upstream says may add to what
    the gateway says.
    """
    lines = [f"{name}: {value}\r\n" for name, value in headers]
    text = "".join(lines)
    if text.count("\n") != len(lines) or text.count("\r") != len(lines) or "\0" in text:
        text = "".join(line for line in lines if _is_one_line(line))
    if "\r\nserver: " not in text and not text.startswith("server: "):
        text += "server: downroute\r\n"
    if "\r\ndate: " not in text and not text.startswith("date: "):
        text += _date_line()
    line = _STATUS_LINES.get(status) or f"HTTP/1.1 {status} \r\n"
    return f"{line}{text}{framing}\r\n".encode("utf-8", "surrogateescape")


def _is_one_line(line: str) -> bool:
    return not any(c in line[:-2] for c in "\r\n\0")


_dated: tuple[int, str] = (0, "")


def _date_line() -> str:
    """The date header of this second, made once a second."""
    global _dated
    now = int(time.time())
    if _dated[0] != now:
        _dated = now, f"date: {formatdate(now, usegmt=True)}\r\n"
    return _dated[1]
