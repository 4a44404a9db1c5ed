"""What the gateway needs to know of an API's shape to route and judge what is said in it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from downroute.config import ModelSettings
from downroute.gateway.error_reply import Refusal
from downroute.gateway.json_text import Raw
from downroute.gateway.message import Headers, Reply
from downroute.records import Json, Purpose

Kept = bytes | list[bytes]
"""A reply's words for the log: a whole body, or the data of a stream's events."""


class Body(Mapping[str, Json]):
    """A request's body. As a mapping it is a chat-completions request, whatever its shape on the
    wire, so that one code matches, checks and measures all; ``members`` and `for_upstream` are in
    its own shape. ``task`` is what it declares, ``wants_usage`` whether a stream's usage is the
    client's to see, ``wants_logprobs`` whether log probabilities need not be asked for, or cannot
    be."""

    __slots__ = ()

    model: str
    stream: bool
    task: str | None

    @property
    @abstractmethod
    def wants_usage(self) -> bool: ...

    @property
    @abstractmethod
    def wants_logprobs(self) -> bool: ...

    @property
    @abstractmethod
    def members(self) -> Mapping[str, Raw]:
        """Each member as the bytes it came as, the gateway's own hints taken out."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Bytes."""

    def may_mention(self, word: bytes) -> bool:  # noqa: ARG002
        """Whether ``word`` may stand in the messages: ``False`` is certain, and found without
        reading them."""
        return True

    @abstractmethod
    def for_upstream(
        self, name: str, settings: ModelSettings, added: Mapping[str, Json], usage: bool = True
    ) -> bytes:
        """The body that asks the model an upstream calls ``name``, with parameters ``added``.
        ``usage``: a stream is asked to state its tokens, whether the client wants them or not."""


class Reader(Protocol):
    """Reads a stream's events on their way past. ``kept`` holds their data where that is wanted,
    ``error`` what the upstream sent as an error, ``done`` that the last event was seen."""

    kept: list[bytes] | None
    done: bool
    error: Json

    @property
    def whole(self) -> bool:
        """Whether the answer came to its end."""

    def take(self, event: bytes) -> bytes:
        """What the client gets of ``event``."""

    def is_end(self, event: bytes) -> bool:
        """Whether clients stop reading at ``event``."""

    def completion(self) -> Mapping[str, Json]:
        """The ``chat.completion`` that the stream spells out. Its words must be kept."""

    def outcome(self) -> Mapping[str, Json]:
        """The same without the words: model, usage and finish reason."""


class Wire(Protocol):
    """One API's shape."""

    api: ClassVar[str]
    """Of the upstreams that speak it."""
    end_mark: ClassVar[bytes]
    """What ends a stream that came to its end."""

    def read_body(self, text: bytes) -> Body | Refusal:
        """A request's body, or why it is none."""

    def read_completion(self, body: bytes) -> Mapping[str, Json] | None:
        """A reply as a ``chat.completion``; ``None`` where it is no answer."""

    def kept_completion(self, kept: Kept) -> Mapping[str, Json] | None:
        """The same of a reply's kept words."""

    def reader(self, body: Body, *, keep_words: bool, hide_logprobs: bool) -> Reader:
        """For the stream that answers ``body``."""

    def without_logprobs(self, body: bytes) -> bytes:
        """A reply without log probabilities that the client did not ask for."""

    def end_of(self, stream: bytes) -> int:
        """Where a whole stream's end mark begins; its length where it has none."""

    def events_of(self, body: bytes) -> bytes:
        """A whole reply as the events of a stream, without the end mark.

        Raises:
            ValueError: it is no JSON.
        """

    def second_opinion(
        self, purpose: Purpose, prompt: str | None, body: Body, answer: Any
    ) -> Mapping[str, Any]:
        """The request, without its model, that asks for a second opinion on ``answer``."""

    def refused(self, refusal: Refusal, headers: Headers = ()) -> Reply:
        """A refusal as this API says it."""

    def refused_event(self, refusal: Refusal) -> bytes:
        """The same as the last event of a stream."""
