"""PURE: our own upstream keys, taken out of what an upstream says when it refuses or fails.

Providers answer a wrong key with a sentence that quotes it. Whoever asks through the gateway may
use its keys and must not learn them. An answer passes as it came; whatever is none is looked at:
refusals, failures, events that tell of an error, and what cannot be read, as an error is that was
cut off.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl, quote

from downroute.gateway import json_text
from downroute.gateway.headers import CREDENTIALS
from downroute.gateway.message import Headers
from downroute.gateway.sse import EventSplitter, payload

MASK = "***"
_SHORTEST = 8
"""A key that is shorter (`EMPTY`, `x`) guards nothing, and may be part of any word."""
_NAMES_A_SECRET = (
    *("key", "token", "secret", "auth", "password", "signature"),
    *("cookie", "credential", "session"),
)
_ERROR = re.compile(rb"""^event: ?error|"error"\s*:\s*[{"]|"type"\s*:\s*"error\"""", re.MULTILINE)
_LONGEST_HELD = 2**20
"""More of an event that does not end is not held back."""
_BEGINNING = 4
"""So much of a key at the end of what was cut off is taken for its beginning. Fewer characters are
what all keys of a provider begin with."""
_AS_CODES = re.compile(r"[+&'<>]")
"""Characters that some servers write as codes in JSON: all of .NET's, and some of Go's."""


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

    def quoted_in(self, text: bytes) -> bool:
        """Whether one of them stands in ``text``."""
        for form in self._bytes:  # noqa: SIM110 - a loop costs half of what `any` does
            if text.find(form) >= 0:
                return True
        return False

    def masked(self, text: bytes) -> bytes:
        """``text`` without them, nor the beginning of one where it was cut off."""
        text = self._whole_masked(text)
        cut = max((_beginning(form, text) for form in self._bytes), default=0)
        return text[: len(text) - cut] + MASK.encode() if cut else text

    def masked_event(self, event: bytes) -> bytes:
        """An ``event`` of a stream, or what there is of its last: masked unless it is a piece of an
        answer."""
        if event.endswith(b"\n\n") and not self.quoted_in(event):
            return event  # as nearly every one is
        masked = self.masked(event)
        return event if masked == event or is_piece(event) else masked

    def masked_part(self, text: bytes) -> tuple[bytes, bytes]:
        """Of ``text`` that goes on elsewhere, what is masked for certain; and its end, where one of
        them may have begun."""
        text = self._whole_masked(text)
        most = max(map(len, self._bytes), default=1) - 1
        end = max(0, len(text) - most)
        return text[:end], text[end:]

    def _whole_masked(self, text: bytes) -> bytes:
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
        self._held = data[end:]
        passed = self._passed(data[:end])
        if len(self._held) > _LONGEST_HELD:
            part, self._held = self._keys.masked_part(self._held)
            passed += part
        return passed

    def rest(self) -> bytes:
        """What came after the last whole event."""
        held, self._held = self._held, b""
        return self._keys.masked_event(held)

    def _passed(self, events: bytes) -> bytes:
        if not self._keys.quoted_in(events):
            return events
        splitter = EventSplitter()
        found = [*splitter.feed(events), splitter.rest()]
        return b"".join(map(self._keys.masked_event, found))


def is_answer(text: bytes) -> bool:
    """Whether ``text`` is JSON that tells of no error."""
    try:
        json_text.decode(text)
    except ValueError:
        return False
    return not says_error(text)


def is_piece(event: bytes) -> bool:
    """Whether an event of a stream is a piece of an answer."""
    data = payload(event)
    return data is not None and not says_error(event) and (data == b"[DONE]" or is_answer(data))


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
        for code in ("\\u{:04X}", "\\u{:04x}"):
            yield _AS_CODES.sub(lambda found: code.format(ord(found[0])), in_json)  # noqa: B023


def _beginning(form: bytes, text: bytes) -> int:
    """How many of the first bytes of ``form`` are the last of ``text``."""
    at = text.find(form[:_BEGINNING], max(0, len(text) - len(form) + 1))
    while at >= 0:
        if form.startswith(text[at:]):
            return len(text) - at
        at = text.find(form[:_BEGINNING], at + 1)
    return 0
