"""OpenAI's chat completions as a `Wire`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from downroute.answers.self_check import self_check_request
from downroute.gateway import json_text
from downroute.gateway.chat_body import ChatBody
from downroute.gateway.completion import read_completion, without_logprobs
from downroute.gateway.error_reply import Refusal, json_event
from downroute.gateway.message import Headers, Reply
from downroute.gateway.sse import ChunkReader, completion_from_kept
from downroute.gateway.wire import Body, Kept
from downroute.records import Answer, Json, Purpose

_NOT_FOR_A_HELPER = frozenset({"stream", "stream_options", "n", "logprobs", "top_logprobs"})
"""How an answer is delivered is the client's own affair."""


class ChatWire:
    api: ClassVar[str] = "openai"
    end_mark: ClassVar[bytes] = b"data: [DONE]\n\n"

    def read_body(self, text: bytes) -> ChatBody | Refusal:
        return ChatBody.read(text)

    def read_completion(self, body: bytes) -> Mapping[str, Json] | None:
        return read_completion(body)

    def kept_completion(self, kept: Kept) -> Mapping[str, Json] | None:
        return completion_from_kept(kept) if isinstance(kept, list) else read_completion(kept)

    def reader(self, body: Body, *, keep_words: bool, hide_logprobs: bool) -> ChunkReader:
        return ChunkReader(
            keep_words=keep_words, hide_usage=not body.wants_usage, hide_logprobs=hide_logprobs
        )

    def without_logprobs(self, body: bytes) -> bytes:
        return without_logprobs(body)

    def end_of(self, stream: bytes) -> int:
        mark = max(stream.rfind(b"data: [DONE]"), stream.rfind(b"data:[DONE]"))
        return len(stream) if mark < 0 else mark

    def events_of(self, body: bytes) -> bytes:
        return json_event(json_text.decode(body))

    def second_opinion(
        self, purpose: Purpose, prompt: str | None, body: Body, answer: Answer
    ) -> Mapping[str, Any]:
        if purpose is Purpose.SELF_CHECK:
            return self_check_request(body, answer, prompt)
        return {k: v for k, v in body.members.items() if k not in _NOT_FOR_A_HELPER}

    def refused(self, refusal: Refusal, headers: Headers = ()) -> Reply:
        return refusal.reply(headers)

    def refused_event(self, refusal: Refusal) -> bytes:
        return refusal.event()


CHAT = ChatWire()
