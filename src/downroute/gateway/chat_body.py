"""A chat request's body, taken apart at its top level only.

Each member stays the bytes it came as until somebody asks for its value, so that what the gateway
has no business with reaches the upstream byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from downroute.config import ModelSettings
from downroute.gateway import json_text
from downroute.gateway.error_reply import Refusal
from downroute.gateway.json_text import Raw
from downroute.gateway.request_members import read_members, take_task
from downroute.gateway.wire import Body
from downroute.providers.parameters import adapt
from downroute.records import Json

_LISTS = frozenset({"messages", "tools"})

_THE_SAME = frozenset({"tools", "response_format"})
"""Members that a service sends over and over. Equal ones are one value, not to be changed, so that
what is found out about a schema is found out once."""
_LONGEST_KEPT = 256 * 1024
_decoded = lru_cache(maxsize=256)(json_text.decode)


class ChatBody(Body):
    """The body as a mapping. A member that cannot be read is ``None``: the upstream gets it as
    it is and says what it thinks of it."""

    __slots__ = ("_changed", "_fields", "_text", "_values", "model", "stream", "task")

    def __init__(self, text: bytes, fields: dict[str, Raw], model: str) -> None:
        self._text = text
        self._fields = fields
        self._values: dict[str, Json] = {"model": model}
        self.model = model
        self.stream = self.get("stream") is True
        task = take_task(fields)
        self._changed = task is not None
        self.task = (task or "").strip() or None

    @classmethod
    def read(cls, text: bytes) -> ChatBody | Refusal:
        """The body in ``text``, or why it is none."""
        found = read_members(text)
        return found if isinstance(found, Refusal) else cls(text, *found)

    def get(self, key: str, default: Json = None) -> Json:
        """As of any mapping; most keys asked for are not there, and exceptions take time."""
        if key in self._values:
            return self._values[key]
        return self[key] if key in self._fields else default

    def __contains__(self, key: object) -> bool:
        return key in self._fields

    def __getitem__(self, key: str) -> Json:
        if key not in self._values:
            self._values[key] = self._read(key)
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def may_mention(self, word: bytes) -> bool:
        messages = self._fields.get("messages")
        if messages is None:
            return False
        text = bytes(messages)
        # From the end, which the standard library searches three times as fast.
        if text.rfind(word) >= 0:
            return True
        # Any letter may be written by its number.
        return text.find(b"\\") >= 0 and text.rfind(b"\\u") >= 0

    @property
    def members(self) -> Mapping[str, Raw]:
        """Each member as the bytes it came as, the gateway's own hints taken out."""
        return self._fields

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self._text)

    @property
    def wants_usage(self) -> bool:
        """Whether the client itself asked for a stream's usage."""
        options = self.get("stream_options") if "stream_options" in self._fields else None
        return isinstance(options, Mapping) and options.get("include_usage") is True

    @property
    def wants_logprobs(self) -> bool:
        return "logprobs" in self._fields and self["logprobs"] is True

    def for_upstream(
        self, name: str, settings: ModelSettings, added: Mapping[str, Json], usage: bool = True
    ) -> bytes:
        """The body that asks the model an upstream calls ``name``, with parameters ``added``. A
        stream asks for its usage as well, unless the upstream refuses to be asked for it."""
        extra: dict[str, Any] = dict(added)
        if self.stream and usage and not self.wants_usage:
            options = self.get("stream_options")
            if options is None or isinstance(options, Mapping):
                extra["stream_options"] = {**(options or {}), "include_usage": True}
        adapted = settings.set or settings.rename or settings.drop
        if name == self.model and not (extra or adapted or self._changed):
            return self._text
        members: dict[str, Any] = {**self._fields, **extra}
        if not adapted:
            return json_text.join({**members, "model": name})
        return json_text.join(
            adapt(members, name, set_=settings.set, rename=settings.rename, drop=settings.drop)
        )

    def _read(self, key: str) -> Json:
        raw = self._fields[key]
        try:
            if key in _THE_SAME and len(text := bytes(raw)) <= _LONGEST_KEPT:
                value = _decoded(text)
            else:
                value = json_text.decode(raw)
        except ValueError:
            return None
        return None if key in _LISTS and not isinstance(value, list) else value
