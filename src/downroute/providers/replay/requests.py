"""A chat request's body → what is asked of the server, or why it is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from downroute.prompts import request_digest
from downroute.records import Json


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error reply in OpenAI's shape."""

    status: int
    message: str
    type: str = "invalid_request_error"
    param: str | None = None
    code: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> dict[str, Json]:
        return {
            "error": {
                "message": self.message,
                "type": self.type,
                "param": self.param,
                "code": self.code,
            }
        }


@dataclass(frozen=True, slots=True)
class Asked:
    """One well-formed chat request: who is asked what (``digest``), and how to deliver it."""

    model: str
    digest: str
    body: Mapping[str, Json]
    stream: bool = False
    include_usage: bool = False
    logprobs: bool = False
    top_logprobs: int = 0


def read_request(raw: bytes) -> Asked | Refusal:
    """The request in ``raw``; fields that mean nothing here are ignored."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as fault:
        return Refusal(400, f"the body of the request is not JSON: {fault}")
    if not isinstance(body, dict):
        return Refusal(400, f"the body of the request is no object but {type(body).__name__}")
    refusal = _shape_fault(body)
    if refusal:
        return refusal
    try:
        digest = request_digest(body)
    except RecursionError:
        return Refusal(400, "the messages are nested too deeply", param="messages")
    options = body.get("stream_options")
    top = body.get("top_logprobs")
    return Asked(
        model=body["model"],
        digest=digest,
        body=body,
        stream=body.get("stream") is True,
        include_usage=isinstance(options, dict) and options.get("include_usage") is True,
        logprobs=body.get("logprobs") is True,
        top_logprobs=top if isinstance(top, int) and top > 0 else 0,
    )


def _shape_fault(body: Mapping[str, Json]) -> Refusal | None:
    if not isinstance(body.get("model"), str) or not body["model"]:
        return Refusal(400, "'model' is missing or no text", param="model")
    messages = body.get("messages")
    if not isinstance(messages, list) or not all(isinstance(m, dict) for m in messages):
        return Refusal(400, "'messages' is missing or no list of messages", param="messages")
    if not messages:
        return Refusal(400, "'messages' is empty; send at least one", param="messages")
    if not isinstance(body.get("tools"), list | None):
        return Refusal(400, "'tools' is no list", param="tools")
    if body.get("n") not in (None, 1):
        found = json.dumps(body["n"])
        return Refusal(
            400, f"n must be 1, found {found}: one answer is recorded per request", param="n"
        )
    return None
