"""PURE: the gateway's own errors, in the shape OpenAI's clients understand."""

from __future__ import annotations

from dataclasses import dataclass

from downroute.gateway import json_text
from downroute.gateway.message import JSON_TYPE, Headers, Reply
from downroute.records import Json

INVALID_REQUEST = "invalid_request_error"
UPSTREAM = "upstream_error"
INTERNAL = "api_error"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request gets no answer from a model. ``message`` says what to do about it."""

    status: int
    message: str
    type: str = INVALID_REQUEST
    param: str | None = None
    code: str | None = None

    def body(self) -> dict[str, Json]:
        return {
            "error": {
                "message": self.message,
                "type": self.type,
                "param": self.param,
                "code": self.code,
            }
        }

    def reply(self, headers: Headers = ()) -> Reply:
        return Reply(self.status, (JSON_TYPE, *headers), json_text.encode(self.body()))

    def event(self) -> bytes:
        """The refusal as the last event of a stream."""
        return json_event(self.body())


def json_event(body: Json) -> bytes:
    """A JSON value as a server-sent event."""
    return b"data: " + json_text.encode(body) + b"\n\n"
