"""One model asked once, and what came back."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from downroute.gateway.chat_stream import ChatStream
from downroute.gateway.error_reply import INVALID_REQUEST, UPSTREAM, Refusal
from downroute.gateway.message import Headers
from downroute.gateway.sse import EVENT_STREAM
from downroute.gateway.upstream import Fault, NoReplyError
from downroute.gateway.wire import Kept, Wire
from downroute.records import Answer, Attempt, Decision


class Live:
    """A stream that is still coming; ``first`` are the events that are here. ``over`` makes the
    attempt when it has ended, with the error it ended in, if any."""

    __slots__ = ("first", "over", "stream")

    def __init__(
        self, stream: ChatStream, first: list[bytes], over: Callable[[str | None], Attempt]
    ) -> None:
        self.stream = stream
        self.first = first
        self.over = over


class Exchange:
    """Either ``body`` is the whole reply, without what the client did not ask for; or it is
    ``live``, and ``attempt`` is made anew when it is over; or ``fault`` says why there is none.
    ``kept`` are the words for the log; ``answers`` what a judged reply says, the worst choice
    first."""

    __slots__ = ("answers", "attempt", "body", "fault", "headers", "kept", "live", "status")

    def __init__(
        self,
        attempt: Attempt,
        status: int = 0,
        headers: Headers = (),
        body: bytes = b"",
        kept: Kept | None = None,
        answers: Sequence[Answer] = (),
        fault: NoReplyError | None = None,
    ) -> None:
        self.attempt = attempt
        self.status = status
        self.headers = headers
        self.body = body
        self.kept = kept
        self.live: Live | None = None
        self.answers = answers
        self.fault = fault

    def end(self, live: Live, error: str | None) -> Attempt:
        """The attempt that ``live`` was, ended in ``error`` if any. It is let go of: it holds the
        call, which holds this exchange, and would stay until somebody looks for cycles."""
        self.live = None
        return live.over(error)

    def refusal(self) -> Refusal:
        """Our own error where the upstream gave no reply that could be passed on."""
        assert self.fault is not None
        return refusal_of(self.fault, self.attempt.model)

    def as_stream(self, comment: bytes, wire: Wire) -> bytes:
        """The reply as the rest of a stream whose head has been sent with status 200, ``comment``
        before its end mark."""
        if self.fault is not None:
            return comment + wire.refused_event(self.refusal())
        if is_event_stream(self.headers):
            end = wire.end_of(self.body)
            return self.body[:end] + comment + self.body[end:]
        try:
            events = wire.events_of(self.body)
        except ValueError:
            message = f"{self.attempt.model} answered {self.status} with what is no JSON"
            events = wire.refused_event(Refusal(self.status, message, UPSTREAM))
        end = wire.end_of(events)
        return events[:end] + comment + events[end:] + (wire.end_mark if self.status < 300 else b"")


def refusal_of(fault: NoReplyError, whose: str) -> Refusal:
    """What a client is told of a fault; ``whose`` is the model or upstream that it befell."""
    status, code = _REFUSALS[fault.fault]
    kind = UPSTREAM if status >= 500 else INVALID_REQUEST
    return Refusal(status, f"{whose}: {fault}", kind, code=code)


def when_again(fault: NoReplyError) -> Headers:
    """When it is worth another try, as clients are told it: in whole seconds."""
    after_s = fault.retry_after_s
    return () if after_s is None else (("retry-after", str(math.ceil(after_s))),)


def is_event_stream(headers: Headers) -> bool:
    return any(
        name == "content-type" and value.lower().startswith(EVENT_STREAM) for name, value in headers
    )


class Outcome:
    """Which exchange of a call is the reply, and how it came to that."""

    __slots__ = ("decision", "exchange", "index", "reason")

    def __init__(self, index: int, exchange: Exchange, decision: Decision, reason: str) -> None:
        self.index = index
        self.exchange = exchange
        self.decision = decision
        self.reason = reason


_REFUSALS = {
    Fault.UNREACHABLE: (502, "upstream_unreachable"),
    Fault.UNSENDABLE: (502, "upstream_unreachable"),
    Fault.OPEN: (503, "upstream_circuit_open"),
    Fault.BUSY: (503, "upstream_busy"),
    Fault.WRONG_API: (400, "wrong_api"),
    Fault.BROKEN: (502, "upstream_broken_off"),
    Fault.TIMEOUT: (504, "upstream_timeout"),
}
