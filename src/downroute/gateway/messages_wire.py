"""Anthropic's Messages as a `Wire`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from downroute.answers.anthropic_messages import chat_completion, events_of
from downroute.answers.self_check import PROMPT, spoken
from downroute.gateway import json_text
from downroute.gateway.error_reply import Refusal
from downroute.gateway.message import JSON_TYPE, Headers, Reply
from downroute.gateway.message_events import MessageReader, completion_from_events
from downroute.gateway.messages_body import MessagesBody
from downroute.gateway.wire import Body, Kept
from downroute.records import Answer, Json, Purpose

_SELF_CHECK_KEEPS = ("system", "messages", "tools")
_SELF_CHECK_TOKENS = 8
"""There are no log probabilities to read, so the word itself has to fit."""
_NOT_FOR_A_HELPER = frozenset({"stream"})

_ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


class MessagesWire:
    api: ClassVar[str] = "anthropic"
    end_mark: ClassVar[bytes] = b""

    def read_body(self, text: bytes) -> MessagesBody | Refusal:
        return MessagesBody.read(text)

    def read_completion(self, body: bytes) -> Mapping[str, Json] | None:
        try:
            message = json_text.decode(body)
        except ValueError:
            return None
        if not isinstance(message, Mapping) or not isinstance(message.get("content"), list):
            return None
        return chat_completion(message)

    def kept_completion(self, kept: Kept) -> Mapping[str, Json] | None:
        return (
            completion_from_events(kept) if isinstance(kept, list) else self.read_completion(kept)
        )

    def reader(self, body: Body, *, keep_words: bool, hide_logprobs: bool) -> MessageReader:  # noqa: ARG002
        return MessageReader(keep_words=keep_words)

    def without_logprobs(self, body: bytes) -> bytes:
        return body

    def end_of(self, stream: bytes) -> int:
        mark = max(stream.rfind(b"event: message_stop"), stream.rfind(b"event:message_stop"))
        return len(stream) if mark < 0 else mark

    def events_of(self, body: bytes) -> bytes:
        message = json_text.decode(body)
        if not isinstance(message, Mapping):
            raise ValueError("no JSON object")
        if message.get("type") == "error":
            return _event("error", message)
        return b"".join(_event(str(e["type"]), e) for e in events_of(message))

    def second_opinion(
        self, purpose: Purpose, prompt: str | None, body: Body, answer: Answer
    ) -> Mapping[str, Any]:
        if purpose is not Purpose.SELF_CHECK:
            return {k: v for k, v in body.members.items() if k not in _NOT_FOR_A_HELPER}
        asked: dict[str, Any] = {k: v for k, v in body.members.items() if k in _SELF_CHECK_KEEPS}
        asked["messages"] = [
            *_list(asked.get("messages", b"[]")),
            {"role": "assistant", "content": spoken(answer) or "(no answer)"},
            {"role": "user", "content": prompt or PROMPT},
        ]
        if asked.get("tools"):
            asked["tool_choice"] = {"type": "none"}
        return {**asked, "max_tokens": _SELF_CHECK_TOKENS, "temperature": 0}

    def refused(self, refusal: Refusal, headers: Headers = ()) -> Reply:
        return Reply(refusal.status, (JSON_TYPE, *headers), json_text.encode(_error(refusal)))

    def refused_event(self, refusal: Refusal) -> bytes:
        return _event("error", _error(refusal))


def _list(raw: bytes | json_text.Raw) -> list[Json]:
    """A JSON list; empty where it is none, or cannot be read: the upstream says what it thinks."""
    try:
        value = json_text.decode(raw)
    except ValueError:
        return []
    return value if isinstance(value, list) else []


def _error(refusal: Refusal) -> dict[str, Json]:
    """https://docs.anthropic.com/en/api/errors"""
    kind = _ERROR_TYPES.get(refusal.status) or (
        "invalid_request_error" if refusal.status < 500 else "api_error"
    )
    return {"type": "error", "error": {"type": kind, "message": refusal.message}}


def _event(name: str, value: Json) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + json_text.encode(value) + b"\n\n"


MESSAGES = MessagesWire()
