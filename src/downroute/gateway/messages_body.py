"""The body of a request to `/v1/messages` (Anthropic): to routing, checks and signals it looks like
the chat request that says the same; to the upstream it stays the bytes it came as."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from downroute.answers.anthropic_messages import chat_request
from downroute.config import ModelSettings
from downroute.gateway import json_text
from downroute.gateway.error_reply import Refusal
from downroute.gateway.json_text import Raw
from downroute.gateway.request_members import read_members, take_task
from downroute.gateway.wire import Body
from downroute.providers.parameters import adapt
from downroute.records import Json


class MessagesBody(Body):
    """As `ChatBody`. ``members`` are those of the Messages request; the mapping is the chat
    request's, without the parts that have no counterpart there."""

    __slots__ = ("_changed", "_chat", "_fields", "_text", "model", "stream", "task")

    def __init__(self, text: bytes, fields: dict[str, Raw], model: str) -> None:
        self._text = text
        self._fields = fields
        self._chat: Mapping[str, Json] | None = None
        self.model = model
        self.stream = bytes(fields.get("stream", b"")) == b"true"
        task = take_task(fields)
        self._changed = task is not None
        self.task = (task or "").strip() or None

    @classmethod
    def read(cls, text: bytes) -> MessagesBody | Refusal:
        """The body in ``text``, or why it is none."""
        found = read_members(text)
        return found if isinstance(found, Refusal) else cls(text, *found)

    def __getitem__(self, key: str) -> Json:
        return self._as_chat()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._as_chat())

    def __len__(self) -> int:
        return len(self._as_chat())

    @property
    def wants_usage(self) -> bool:
        """A stream of messages always tells its usage."""
        return True

    @property
    def wants_logprobs(self) -> bool:
        """There is no such parameter, so none is added."""
        return True

    @property
    def members(self) -> Mapping[str, Raw]:
        return self._fields

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self._text)

    def for_upstream(
        self,
        name: str,
        settings: ModelSettings,
        added: Mapping[str, Json],  # noqa: ARG002
        usage: bool = True,  # noqa: ARG002
    ) -> bytes:
        """The body that asks the model an upstream calls ``name``."""
        adapted = settings.set or settings.rename or settings.drop
        if name == self.model and not (adapted or self._changed):
            return self._text
        members: dict[str, Any] = dict(self._fields)
        if not adapted:
            return json_text.join({**members, "model": name})
        return json_text.join(
            adapt(members, name, set_=settings.set, rename=settings.rename, drop=settings.drop)
        )

    def _as_chat(self) -> Mapping[str, Json]:
        if self._chat is None:
            values = {key: _value(raw) for key, raw in self._fields.items()}
            self._chat = {"model": self.model, **chat_request(values)}
        return self._chat


def _value(raw: Raw) -> Json:
    """A member's value; ``None`` where it cannot be read: the upstream says what it thinks."""
    try:
        return json_text.decode(raw)
    except ValueError:
        return None
