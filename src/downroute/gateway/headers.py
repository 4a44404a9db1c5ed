"""PURE: which headers go to the upstream, which come back, and what the gateway says in its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from downroute.gateway.kept_headers import KeptHeaders
from downroute.gateway.keys import PREFIX, Key
from downroute.gateway.message import Headers, made_of

OWN: Final = "x-downroute-"
SESSION: Final = "x-session-id"
REQUEST_ID: Final = "x-request-id"
UPSTREAM_REQUEST_ID = f"{OWN}upstream-request-id"

_HOP_BY_HOP: Final = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""RFC 9110, section 7.6.1."""
_NOT_SENT_UP: Final = _HOP_BY_HOP | {
    "host",
    "content-length",
    "accept-encoding",
    "expect",
    "cookie",
    SESSION,
    # What a proxy in front says of whose request it is: no business of an upstream's.
    *("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"),
}
_NOT_SENT_BACK: Final = _HOP_BY_HOP | {"content-length", "content-encoding", "alt-svc"}
CREDENTIALS: Final = frozenset({"authorization", "api-key", "x-api-key", "x-goog-api-key"})
"""What clients send their keys in."""
_USUAL_OPTIONS: Final = frozenset({"keep-alive", "close", "Keep-Alive", "Close"})
"""Options of a connection that name no header anybody would see."""
_LONGEST_VALUE: Final = 500
_NONE: Mapping[str, str] = {}


class Hints:
    """What the client tells the gateway in headers; not to be changed. ``task`` may also stand in
    the body; ``key`` is what it was let in by."""

    __slots__ = ("bypass", "key", "key_name", "request_id", "session", "task")

    def __init__(
        self,
        task: str | None = None,
        bypass: bool = False,
        session: str | None = None,
        request_id: str | None = None,
        key: Key | None = None,
    ) -> None:
        self.task = task
        self.bypass = bypass
        self.session = session
        self.request_id = request_id
        self.key = key
        self.key_name: str | None = None if key is None else key.name


def split(headers: Headers, key: Key | None = None) -> tuple[Hints, Headers]:
    """The client's hints, and those of its headers that are meant for the upstream: none that
    holds a key of the gateway's own."""
    hints, onward = made_of(headers, _split)
    if key is not None:
        hints = Hints(hints.task, hints.bypass, hints.session, hints.request_id, key)
    return hints, onward


def _split(headers: Headers) -> tuple[Hints, Headers]:
    task = session = request_id = None
    bypass = False
    onward = KeptHeaders()
    only_here = _named_by_connection(headers)
    for name, value in headers:
        if name in _NOT_SENT_UP:
            if name == SESSION:
                session = value.strip() or None
        elif name.startswith(OWN):
            if name == "x-downroute-task":
                task = value.strip() or None
            elif name == "x-downroute-bypass":
                bypass = value.strip().lower() not in ("", "0", "false")
        elif PREFIX not in value:
            if name == REQUEST_ID:
                request_id = safe(value.strip()) or None
            if name not in only_here:
                onward.append((name, value))
    return Hints(task, bypass, session, request_id), onward


def _named_by_connection(headers: Headers) -> set[str]:
    """The headers that are meant for whoever is asked only, not for those behind it (RFC 9110,
    section 7.6.1)."""
    return {
        option.strip().lower()
        for name, value in headers
        if name == "connection"
        for option in value.split(",")
    }


def named(headers: Headers, request_id: str) -> list[tuple[str, str]]:
    """A reply's headers with the id that the client gave its request; the upstream's own, which
    its support asks for, under another name."""
    kept = [(UPSTREAM_REQUEST_ID if n == REQUEST_ID else n, value) for n, value in headers]
    return [*kept, (REQUEST_ID, request_id)]


def to_upstream(
    onward: Headers,
    own: Mapping[str, str],
    *,
    own_key: bool,
    defaults: Mapping[str, str] = _NONE,
) -> Headers:
    """The headers of a request to an upstream: the client's, replaced by its ``own`` configured
    ones, and ``defaults`` where there are none of that name. With an ``own_key`` no credential of
    the client goes along."""
    sent = [
        pair for pair in onward if pair[0] not in own and not (own_key and pair[0] in CREDENTIALS)
    ]
    sent.extend(own.items())
    if defaults:
        named = {name for name, _ in sent}
        sent.extend((name, value) for name, value in defaults.items() if name not in named)
    return sent


def to_client(headers: Headers) -> list[tuple[str, str]]:
    """Those of an upstream's headers that are true of our reply too."""
    kept = [
        pair for pair in headers if pair[0] not in _NOT_SENT_BACK and not pair[0].startswith(OWN)
    ]
    for name, value in headers:
        if name == "connection" and value not in _USUAL_OPTIONS:
            only_here = _named_by_connection(headers)
            return [pair for pair in kept if pair[0] not in only_here]
    return kept


def safe(value: str) -> str:
    """``value`` as a header may carry it: printable ASCII on one line."""
    if not (value.isascii() and value.isprintable()):
        value = "".join(c if " " <= c <= "~" else "?" for c in " ".join(value.split()))
    return value if len(value) <= _LONGEST_VALUE else value[: _LONGEST_VALUE - 3] + "..."


def comment(pairs: Iterable[tuple[str, str]]) -> bytes:
    """Headers that came too late for the head of a stream, as an SSE comment; clients ignore it."""
    lines = "".join(f": {name}: {value}\n" for name, value in pairs)
    return f"{lines}\n".encode() if lines else b""
