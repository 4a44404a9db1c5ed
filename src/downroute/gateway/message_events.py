"""PURE: a stream of `/v1/messages` read on its way past: what the log and the checks need of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from downroute.answers.anthropic_messages import chat_completion, message_from_events
from downroute.gateway import json_text
from downroute.gateway.sse import payload
from downroute.records import Json

# A key inside an answer's text has its quotes escaped, so these find real members only.
_TELLS = re.compile(rb'"type"\s*:\s*"(?:message_start|message_delta|message_stop|error)"')


class MessageReader:
    """As `sse.ChunkReader`; nothing is hidden, since nothing is asked for that the client did not
    ask for. ``keep_words``: keep every event, for `kept`."""

    def __init__(self, *, keep_words: bool) -> None:
        self.kept: list[bytes] | None = [] if keep_words else None
        self.done = False
        """The stream's last event has been seen."""
        self.error: Json = None
        """What the upstream sent as an error in the middle of the stream."""
        self._finished = False
        self._telling: list[bytes] = []

    @property
    def whole(self) -> bool:
        """Whether the answer came to its end."""
        return self.done or self._finished

    def take(self, event: bytes) -> bytes:
        """What the client gets of ``event``: all of it."""
        data = payload(event)
        if data is None:
            return event
        if self.kept is not None:
            self.kept.append(data)
        if _TELLS.search(data):
            self._note(data)
        return event

    def is_end(self, event: bytes) -> bool:
        """Whether clients stop reading at ``event``."""
        return event.find(b"message_stop") >= 0 and _kind(payload(event)) == "message_stop"

    def completion(self) -> dict[str, Json]:
        """The ``chat.completion`` that the stream spells out. Its words must be kept."""
        assert self.kept is not None
        return completion_from_events(self.kept)

    def outcome(self) -> dict[str, Json]:
        """The same without the words."""
        return completion_from_events(self._telling)

    def _note(self, data: bytes) -> None:
        event = _object(data)
        kind = event.get("type")
        if kind == "message_stop":
            self.done = True
        elif kind == "error":
            self.error = self.error or event.get("error") or "error"
        elif kind in ("message_start", "message_delta"):
            self._telling.append(data)
            delta = event.get("delta")
            self._finished |= isinstance(delta, Mapping) and delta.get("stop_reason") is not None


def completion_from_events(events: Iterable[bytes]) -> dict[str, Json]:
    """The ``chat.completion`` that the data of a stream's events spell out."""
    return chat_completion(message_from_events(filter(None, map(_object, events))))


def _kind(data: bytes | None) -> Json:
    return None if data is None else _object(data).get("type")


def _object(data: bytes) -> Mapping[str, Json]:
    try:
        value = json_text.decode(data)
    except ValueError:
        return {}
    return value if isinstance(value, Mapping) else {}
