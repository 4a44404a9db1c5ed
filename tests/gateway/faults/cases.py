"""Everything an upstream may do wrong, and what a client is to get of it."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from .raw_upstream import Act, Script, Shape, chunk, chunked, head, said

LARGE_BYTES = 2**20
"""More than a reply may have where these tests run."""
SSE = "text/event-stream"


@dataclass(frozen=True)
class Gets:
    """What a client of that model alone gets, and whether the attempt is a failure, so that a
    cascade goes on. ``code`` is that of the gateway's own error, ``None`` = the upstream's words.
    ``cost``: ``free``, ``paid``, or ``unknown``. ``begun``: a stream had begun before."""

    status: int = 200
    code: str | None = None
    failed: bool = False
    cost: str = "paid"
    begun: bool = False


ANSWER = Gets()
PASSED = Gets(failed=True, cost="unknown")
"""The upstream's 200 is passed on, but is no answer."""
BROKEN = Gets(502, "upstream_broken_off", failed=True, cost="unknown")
LATE = Gets(504, "upstream_timeout", failed=True, cost="unknown")
ABSENT = Gets(502, "upstream_unreachable", failed=True, cost="free")


def begun(gets: Gets) -> Gets:
    return replace(gets, status=200, begun=True)


@dataclass(frozen=True)
class Fault:
    """``plain`` and ``stream`` make what is said to a plain request and to one for a stream."""

    plain: Callable[[Shape], Script] | None
    gets: Gets | None
    stream: Callable[[Shape], Script] | None = None
    streamed: Gets | None = None
    upstream: str = "raw"
    or_else: Gets | None = None
    """What it may come to as well, where it depends on which side is faster."""
    held: Gets | None = None
    """Of the stream in a cascade, where it is held back, if that is something else."""


def both(script: Callable[[Shape], Script], gets: Gets, streamed: Gets | None = None) -> Fault:
    return Fault(script, gets, script, streamed or gets)


def refusal(status: int) -> Fault:
    return both(lambda s: [said(s.error, status)], Gets(status, failed=True, cost="free"))


def event_stream(*pieces: bytes) -> list[bytes]:
    return chunked(*pieces)


def large_stream(shape: Shape) -> Script:
    """Well-formed, and longer than a reply may be that is held back."""
    filler = b": " + b"x" * 60_000 + b"\n\n"
    return event_stream(shape.events[0], *([filler] * 40), *shape.events[1:])


def drip(text: bytes) -> Script:
    steps: list[bytes | float | Act] = []
    for at in range(len(text)):
        steps += [text[at : at + 1], 0.05]
    return steps


STATUSES = (400, 401, 404, 408, 409, 413, 422, 429, 500, 502, 503, 529)

FAULTS: Mapping[str, Fault] = {
    "refuses the connection": Fault(None, ABSENT, None, ABSENT, "refusing"),
    "hangs while connecting": Fault(None, ABSENT, None, ABSENT, "unanswering"),
    "resets as soon as connected": Fault(None, BROKEN, None, BROKEN, "rude", ABSENT),
    "resets after the request": both(lambda _: [Act.RESET], BROKEN),
    "closes after the request": both(lambda _: [Act.CLOSE], BROKEN),
    "hangs after the request": both(lambda _: [Act.HANG], LATE),
    "hangs in the status line": both(lambda _: [b"HTTP/1.1 20", Act.HANG], LATE),
    "hangs in the headers": both(lambda _: [b"HTTP/1.1 200 OK\r\nx-a: b\r\n", Act.HANG], LATE),
    "hangs before the body": Fault(
        lambda _: [head(content_length="100"), Act.HANG],
        LATE,
        lambda _: [head(kind=SSE, transfer_encoding="chunked"), Act.HANG],
        LATE,
    ),
    "hangs in the body": Fault(
        lambda s: [said(s.good)[:-20], Act.HANG],
        LATE,
        lambda s: [*event_stream(*s.events[:2])[:-1], Act.HANG],
        begun(LATE),
    ),
    "hangs after the answer": Fault(
        lambda s: [*chunked(s.good, kind="application/json", last=False), Act.HANG],
        LATE,
        lambda s: [*chunked(*s.events, last=False), Act.HANG],
        ANSWER,
    ),
    "closes in the headers": both(lambda _: [b"HTTP/1.1 200 OK\r\nx-a", Act.CLOSE], BROKEN),
    "closes before the body": Fault(
        lambda _: [head(content_length="100"), Act.CLOSE],
        BROKEN,
        lambda _: [head(kind=SSE, transfer_encoding="chunked"), Act.CLOSE],
        BROKEN,
    ),
    "closes in the body": Fault(
        lambda s: [said(s.good)[:-20], Act.CLOSE],
        BROKEN,
        lambda s: [*event_stream(*s.events[:2])[:-1], Act.CLOSE],
        begun(BROKEN),
    ),
    "resets in the body": Fault(
        lambda s: [said(s.good)[:-20], 0.05, Act.RESET],
        BROKEN,
        lambda s: [*event_stream(*s.events[:2])[:-1], 0.05, Act.RESET],
        begun(BROKEN),
    ),
    "closes in a chunk": Fault(
        lambda s: [*chunked(s.good[:20], last=False), b"64\r\nhalf", Act.CLOSE],
        BROKEN,
        lambda s: [*chunked(*s.events[:2], last=False), b"64\r\nhalf", Act.CLOSE],
        begun(BROKEN),
    ),
    "closes without the last chunk": Fault(
        lambda s: [*chunked(s.good, kind="application/json", last=False), Act.CLOSE],
        BROKEN,
        lambda s: [*chunked(*s.events, last=False), Act.CLOSE],
        ANSWER,
    ),
    "ends the stream before the answer": Fault(
        None, None, lambda s: event_stream(*s.events[:3]), begun(BROKEN)
    ),
    "ends the stream in an event": Fault(
        None, None, lambda s: event_stream(*s.events[:3], s.events[3][:9]), begun(BROKEN)
    ),
    "says nothing in the stream": Fault(None, None, lambda _: event_stream(), BROKEN),
    **{f"answers {status}": refusal(status) for status in STATUSES},
    "redirects": both(
        lambda s: [said(s.error, 302, location="http://127.0.0.1:9/")],
        Gets(302, failed=True, cost="free"),
    ),
    "answers 204": both(lambda _: [b"HTTP/1.1 204 No\r\n\r\n"], replace(PASSED, status=204)),
    "answers nothing": both(lambda _: [said(b"")], PASSED),
    "answers in HTML": both(lambda _: [said(b"<html>down</html>", kind="text/html")], PASSED),
    "answers 500 in HTML": both(
        lambda _: [said(b"<html>", 500, kind="text/html")], Gets(500, failed=True, cost="free")
    ),
    "calls its JSON text": both(lambda s: [said(s.good, kind="text/plain")], ANSWER),
    "answers a stream plainly": Fault(None, None, lambda s: [said(s.good)], ANSWER),
    "answers plainly with a stream": Fault(lambda s: [said(b"".join(s.events), kind=SSE)], PASSED),
    "answers half a JSON": both(lambda s: [said(s.good[:40])], PASSED),
    "answers a list": both(lambda _: [said(b"[]")], PASSED),
    "answers a number": both(lambda _: [said(b"1e999")], PASSED),
    "answers deep JSON": both(lambda _: [said(b"[" * 100_000)], PASSED),
    "answers what is no UTF-8": Fault(
        lambda s: [said(s.good.replace(b"billing", b"bill\xff\xfeing"))],
        PASSED,
        lambda s: event_stream(s.events[0], b"data: \xff\xfe{\n\n", *s.events[1:]),
        ANSWER,
    ),
    "answers an error as 200": Fault(lambda s: [said(s.error)], PASSED),
    "begins with an error event": Fault(None, None, lambda s: event_stream(s.error_event), PASSED),
    "breaks into an error event": Fault(
        None, None, lambda s: event_stream(*s.events[:3], s.error_event), begun(PASSED)
    ),
    "ends its stream twice": Fault(
        None, None, lambda s: event_stream(*s.events, s.events[-1]), ANSWER
    ),
    "forgets the end mark": Fault(
        None, None, lambda s: event_stream(*s.events[: -1 if s.end_mark else None]), ANSWER
    ),
    "says no HTTP": both(lambda _: [b"SSH-2.0-OpenSSH_9.2\r\n"], BROKEN),
    "says two lengths": both(
        lambda s: [head(content_length="1\r\ncontent-length: 900"), s.good], BROKEN
    ),
    "says length and chunks": both(
        lambda s: [head(content_length="5", transfer_encoding="chunked"), chunk(s.good)], BROKEN
    ),
    "says a length that is none": both(lambda s: [head(content_length="-1"), s.good], BROKEN),
    "says chunks that are none": both(
        lambda _: [head(transfer_encoding="chunked"), b"zz\r\nxx\r\n"], BROKEN
    ),
    "never ends its headers": both(
        lambda _: [b"HTTP/1.1 200 OK\r\n", *[b"a: b\r\n"] * 30_000], BROKEN
    ),
    "says other things first": Fault(
        lambda s: [b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n", said(s.good)],
        ANSWER,
        lambda s: [b"HTTP/1.1 100 Continue\r\n\r\n", *event_stream(*s.events)],
        ANSWER,
    ),
    "says more than was asked": Fault(
        lambda s: [said(s.good) + said(s.error, 500)],
        ANSWER,
        lambda s: [b"".join(event_stream(*s.events)) + said(s.error, 500)],
        ANSWER,
    ),
    "closes a connection it keeps": Fault(
        lambda s: [said(s.good, connection="keep-alive"), Act.CLOSE],
        ANSWER,
        lambda s: [*event_stream(*s.events), Act.CLOSE],
        ANSWER,
    ),
    "resets a connection it keeps": Fault(
        lambda s: [said(s.good), 0.05, Act.RESET],
        ANSWER,
        lambda s: [*event_stream(*s.events), 0.05, Act.RESET],
        ANSWER,
    ),
    "ends its reply with the connection": Fault(
        lambda s: [head(), s.good, Act.CLOSE],
        ANSWER,
        lambda s: [head(kind=SSE), *s.events, Act.CLOSE],
        ANSWER,
    ),
    "compresses unasked": Fault(
        lambda s: [said(gzip.compress(s.good), content_encoding="gzip")], ANSWER
    ),
    "compresses badly": Fault(lambda s: [said(s.good, content_encoding="gzip")], BROKEN),
    "drips": Fault(
        lambda s: drip(said(s.good)),
        LATE,
        lambda s: [step for part in event_stream(*s.events) for step in (part, 0.03)],
        ANSWER,
    ),
    "drips its headers": both(lambda s: drip(said(s.good)), LATE),
    "answers too much": Fault(
        lambda _: [said(b" " * (2 * LARGE_BYTES) + b"{}")],
        BROKEN,
        large_stream,
        ANSWER,
        held=BROKEN,
    ),
    "says one event without end": Fault(
        None,
        None,
        lambda s: event_stream(s.events[0], *[b"data: " + b"x" * 60_000] * 40),
        begun(BROKEN),
    ),
    "cuts its events anywhere": Fault(
        None,
        None,
        lambda s: event_stream(*(b"".join(s.events)[at : at + 7] for at in range(0, 2000, 7))),
        ANSWER,
    ),
}
