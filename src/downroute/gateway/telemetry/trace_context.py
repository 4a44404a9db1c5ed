"""PURE: W3C Trace Context: a client's trace continued, and passed on to the upstream."""

from __future__ import annotations

import os
import random
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from downroute.gateway.message import Headers

TRACEPARENT = "traceparent"
_FORM = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_NOBODY = ("0" * 32, "0" * 16)


@dataclass(frozen=True, slots=True)
class AskSpan:
    """``began_at`` in Unix seconds."""

    span_id: str
    began_at: float


@dataclass(slots=True)
class Trace:
    """One call in a trace. ``parent_id`` is the client's span, ``span_id`` the call's own; ids are
    hexadecimal. ``asks`` has one span for each attempt, in their order."""

    trace_id: str
    parent_id: str | None
    span_id: str
    sampled: bool
    asks: list[AskSpan] = field(default_factory=list)

    def asked(self, headers: Headers) -> Headers:
        """The headers of another attempt, with its own span as the upstream's parent."""
        ask = AskSpan(_span_id(), time.time())
        self.asks.append(ask)
        value = f"00-{self.trace_id}-{ask.span_id}-{int(self.sampled):02x}"
        return [*(pair for pair in headers if pair[0] != TRACEPARENT), (TRACEPARENT, value)]


class Tracing:
    """Begins traces of a share of calls; a client that brings a trace has decided for itself."""

    def __init__(self, share: float) -> None:
        self._share = share

    def begin(self, headers: Headers) -> Trace:
        """The trace of a call with these headers."""
        given = _parent(value for name, value in headers if name == TRACEPARENT)
        if given is not None:
            trace_id, parent_id, flags = given
            return Trace(trace_id, parent_id, _span_id(), bool(int(flags, 16) & 1))
        sampled = random.random() < self._share  # noqa: S311 - a sample, no secret
        return Trace(os.urandom(16).hex(), None, _span_id(), sampled)


def _parent(values: Iterable[str]) -> tuple[str, str, str] | None:
    """What the one traceparent says; several, or one that is none, are no trace."""
    every = list(values)
    found = _FORM.fullmatch(every[0].strip()) if len(every) == 1 else None
    if found is None or found[1] == _NOBODY[0] or found[2] == _NOBODY[1]:
        return None
    if every[0].startswith("00-") and found[4]:
        return None
    return found[1], found[2], found[3]


def _span_id() -> str:
    return os.urandom(8).hex()
