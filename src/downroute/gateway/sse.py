"""PURE: server-sent events: cutting a stream into them, and what they say besides the words.

WHATWG HTML, section 9.2: an event ends at an empty line; lines end in LF, CR LF or CR.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from downroute.answers.openai_chat import completion_from_chunks
from downroute.gateway import json_text
from downroute.gateway.completion import without_logprobs
from downroute.records import Json

EVENT_STREAM = "text/event-stream"
HEARTBEAT = b": waiting\n\n"

_EVENT_END = re.compile(rb"(?:\r\n|\n|\r(?!\n)){2}")
# What is looked for in bytes is looked for by `find`: `in` first takes it for a number, and the
# exception that makes of it, not seen by anybody, costs four times the search.
# A key inside an answer's text has its quotes escaped, so these find real members only.
_USAGE = re.compile(rb'"usage"\s*:\s*\{')
_FINISHED = re.compile(rb'"finish_reason"\s*:\s*"')
_ERROR = re.compile(rb'"error"\s*:\s*[{"]')
_LOGPROBS = re.compile(rb'"logprobs"\s*:\s*\{')
_LONGEST_END = 4


class EventSplitter:
    """Cuts bytes as they come into whole events, each with the empty line that ends it."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> list[bytes]:
        """The events that ``chunk`` completes."""
        if not self._rest and chunk.endswith(b"\n\n") and chunk.find(b"\r") < 0:
            return _lines_apart(chunk)  # as nearly every chunk comes
        searched = max(0, len(self._rest) - _LONGEST_END)
        data = self._rest + chunk
        events, start = [], 0
        for end in _EVENT_END.finditer(data, searched):
            events.append(data[start : end.end()])
            start = end.end()
        self._rest = data[start:]
        return events

    @property
    def held_bytes(self) -> int:
        """How much there is of an event whose end is still to come."""
        return len(self._rest)

    def rest(self) -> bytes:
        """What came after the last whole event."""
        return self._rest


def _lines_apart(chunk: bytes) -> list[bytes]:
    """Whole events whose lines end in LF alone."""
    if chunk.find(b"\n\n") == len(chunk) - 2:
        return [chunk]
    return [event + b"\n\n" for event in chunk.split(b"\n\n")[:-1]]


def payload(event: bytes) -> bytes | None:
    """The data of an event; ``None`` where it has none (a comment, say)."""
    end = len(event) - 2
    plain = event[:6] == b"data: " and event.find(b"\n\n") == event.find(b"\n") == end
    if plain and event.find(b"\r") < 0:
        return event[6:end]
    data = [line[5:].removeprefix(b" ") for line in event.splitlines() if line[:5] == b"data:"]
    return b"\n".join(data) if data else None


def _has(data: bytes, name: bytes, member: re.Pattern[bytes]) -> bool:
    """Whether ``member``, which begins with ``name``, is there."""
    at = data.find(name)
    return at >= 0 and member.search(data, at) is not None


class ChunkReader:
    """Reads a chat stream on its way past: what the log and the checks need of it, and what the
    client did not ask for and shall not see. ``keep_words``: keep every chunk, for `kept`."""

    def __init__(self, *, keep_words: bool, hide_usage: bool, hide_logprobs: bool) -> None:
        self.kept: list[bytes] | None = [] if keep_words else None
        self.done = False
        """The stream's end mark has been seen."""
        self.error: Json = None
        """What the upstream sent as an error in the middle of the stream."""
        self._finished = False
        self._hide_usage = hide_usage
        self._hide_logprobs = hide_logprobs
        self._telling: list[bytes] = []

    @property
    def whole(self) -> bool:
        """Whether the answer came to its end."""
        return self.done or self._finished

    def take(self, event: bytes) -> bytes:
        """What the client gets of ``event``: all of it, nothing, or all but log probabilities."""
        data = payload(event)
        if data is None:
            return event
        if data == b"[DONE]":
            self.done = True
            return event
        if self.kept is not None:
            self.kept.append(data)
        finished = _has(data, b'"finish_reason"', _FINISHED)
        self._finished |= finished
        usage = _object(data) if _has(data, b'"usage"', _USAGE) else {}
        if finished or usage or not self._telling:
            self._telling.append(data)
        if _has(data, b'"error"', _ERROR):
            self.error = self.error or _object(data).get("error")
        if usage and not usage.get("choices") and self._hide_usage:
            return b""
        if self._hide_logprobs and _LOGPROBS.search(data):
            return b"data: " + without_logprobs(data).replace(b"\n", b"\ndata: ") + b"\n\n"
        return event

    def is_end(self, event: bytes) -> bool:
        """Whether clients stop reading at ``event``."""
        return event.find(b"[DONE]") >= 0 and payload(event) == b"[DONE]"

    def completion(self) -> dict[str, Json]:
        """The ``chat.completion`` that the stream spells out. Its words must be kept."""
        assert self.kept is not None
        return completion_from_kept(self.kept)

    def outcome(self) -> dict[str, Json]:
        """The same without the words: model, usage and finish reason. A long stream's chunks are
        many, and this asks for few of them."""
        return completion_from_kept(self._telling)


def completion_from_kept(chunks: list[bytes]) -> dict[str, Json]:
    return completion_from_chunks(filter(None, map(_object, chunks)))


def _object(data: bytes) -> Mapping[str, Json]:
    try:
        value = json_text.decode(data)
    except ValueError:
        return {}
    return value if isinstance(value, Mapping) else {}
