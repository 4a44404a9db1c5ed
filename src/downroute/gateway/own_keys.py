"""PURE: our own upstream keys, taken out of what an upstream says when it refuses or fails.

Providers answer a wrong key with a sentence that quotes it. Whoever asks through the gateway may
use its keys and must not learn them. Only refusals, failures and error events are looked at: an
answer passes as it came.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl, quote

from downroute.gateway.headers import CREDENTIALS
from downroute.gateway.message import Headers

MASK = "***"
_SHORTEST = 8
"""A key that is shorter (`EMPTY`, `x`) guards nothing, and may be part of any word."""
_NAMES_A_SECRET = ("key", "token", "secret", "auth", "password", "signature")
_ERROR = re.compile(rb"""^event: ?error|"error"\s*:\s*[{"]|"type"\s*:\s*"error\"""", re.MULTILINE)
_LONGEST_HELD = 2**20
"""More of an event that does not end is not held back."""


class OwnKeys:
    """Every key that has been in force since the start: a call that is under way while keys are
    replaced was sent with the one before."""

    def __init__(self) -> None:
        self._forms: tuple[str, ...] = ()
        self._bytes: tuple[bytes, ...] = ()

    def add(self, key: str | None, headers: Mapping[str, str], query: str) -> None:
        """An upstream's key, and the secrets among its configured headers and in its query."""
        secrets = [key or "", *_secrets(headers, query)]
        found = {form for secret in secrets for form in _forms(secret)}
        # The longest first: no part of a key is left where another key is the rest of it.
        self._forms = tuple(sorted({*self._forms, *found}, key=len, reverse=True))
        self._bytes = tuple(form.encode() for form in self._forms)

    def __bool__(self) -> bool:
        return bool(self._forms)

    def masked(self, text: bytes) -> bytes:
        """``text`` without them."""
        for form in self._bytes:
            if form in text:
                text = text.replace(form, MASK.encode())
        return text

    def masked_headers(self, headers: Headers) -> Headers:
        """``headers`` without them in any value."""
        for form in self._forms:
            if any(form in value for _, value in headers):
                headers = [(name, value.replace(form, MASK)) for name, value in headers]
        return headers


class MaskedEvents:
    """A stream's bytes as they come, error events without our keys. What is said of an event may
    come after the words that it is said of, so an event is held until it is whole."""

    def __init__(self, keys: OwnKeys) -> None:
        self._keys = keys
        self._held = b""

    def feed(self, chunk: bytes) -> bytes:
        """What may be passed on now; empty where nothing may."""
        data = self._held + chunk if self._held else chunk
        if data.endswith(b"\n\n"):
            end = len(data)
        else:
            end = max(data.rfind(b"\n\n") + 2, data.rfind(b"\r\n\r\n") + 4, data.rfind(b"\r\r") + 2)
            end = end if end > 3 else 0
        if len(data) - end > _LONGEST_HELD:
            end = len(data)
        self._held = data[end:]
        return self._passed(data[:end])

    def rest(self) -> bytes:
        """What came after the last whole event."""
        held, self._held = self._held, b""
        return self._passed(held)

    def _passed(self, events: bytes) -> bytes:
        return self._keys.masked(events) if says_error(events) else events


def says_error(text: bytes) -> bool:
    """Whether a JSON reply, or an event of a stream, tells of an error. Words of an answer cannot
    be taken for that: quotes are escaped there."""
    return text.find(b"error") >= 0 and _ERROR.search(text) is not None


def _secrets(headers: Mapping[str, str], query: str) -> Iterable[str]:
    for name, value in headers.items():
        if name in CREDENTIALS or _is_secret(name):
            scheme, _, token = value.strip().partition(" ")
            yield token.strip() or scheme
    for name, value in parse_qsl(query):
        if _is_secret(name.lower()):
            yield value


def _is_secret(name: str) -> bool:
    return any(word in name for word in _NAMES_A_SECRET)


def _forms(secret: str) -> Iterable[str]:
    """As it may be written in a header, in JSON and in a URL."""
    if len(secret) >= _SHORTEST:
        in_json = json.dumps(secret)[1:-1]
        yield from (secret, in_json, in_json.replace("/", "\\/"), quote(secret, safe=""))
