"""What h11, a reader of HTTP by other hands, makes of a connection's bytes, beside the gateway's
own; used by `gateway_fuzz.py`."""

from __future__ import annotations

import re

import h11

from downroute.gateway.transport.limits import Limits
from downroute.gateway.transport.request_parser import RequestParser

Read = list[tuple[str, bytes]]
"""Method and body of each request that is whole, in order."""

_FIRST_LINE = re.compile(rb"[\r\n]*([!-~]+) +([!-~]+) +(HTTP/)")
_LONGEST_HEAD = 70_000


def disagreement(data: bytes) -> str | None:
    """What the gateway takes for a request and h11 does not, or reads with another body: what two
    servers read differently is how a request is smuggled (RFC 9112, 11.2). ``None`` where there is
    nothing of the kind; that h11 takes more than we do is none."""
    ours = [
        (one.request.method, one.request.body)
        for one in RequestParser(Limits()).feed(data)
        if one.request
    ]
    theirs = as_h11_reads(data)
    if ours == theirs[: len(ours)]:
        return None
    return f"{_told(ours)}, where h11 reads {_told(theirs)}"


def as_h11_reads(data: bytes) -> Read:
    """The requests before the first that h11 refuses. llhttp overlooks line ends before a request,
    as RFC 9112 (2.2) asks, and further spaces in its first line (3); h11 is shown neither, because
    no end of a body depends on them."""
    found: Read = []
    while True:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=_LONGEST_HEAD)
        line = _FIRST_LINE.match(data)
        if line:
            data = b" ".join(line.groups()) + data[line.end() :]
        connection.receive_data(data)
        one = _one(connection)
        if one is None:
            return found
        found.append(one)
        if connection.their_state is h11.MUST_CLOSE:
            return found
        data, _ = connection.trailing_data


def _one(connection: h11.Connection) -> tuple[str, bytes] | None:
    method, body = b"", b""
    try:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Request):
                method = event.method
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                return method.decode(), body
            else:
                return None
    except h11.RemoteProtocolError:
        return None


def _told(read: Read) -> str:
    return ", ".join(f"{method} with {len(body)} bytes" for method, body in read) or "nothing"
