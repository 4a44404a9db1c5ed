"""An `Answer` as the body of a chat completion, for what reads such bodies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from downroute.records import Answer, Json, TokenLogprob


def completion_of(answer: Answer) -> dict[str, Json]:
    """A ``chat.completion`` with one choice, from which `answer_from_completion` reads ``answer``
    again. It has no usage: what an answer says is all there is."""
    message: dict[str, Any] = {"role": "assistant", "content": answer.text}
    if answer.refusal is not None:
        message["refusal"] = answer.refusal
    if answer.tool_calls:
        message["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in answer.tool_calls
        ]
    choice: dict[str, Any] = {
        "index": 0,
        "message": message,
        "finish_reason": answer.finish_reason,
        "logprobs": None,
    }
    if answer.logprobs is not None:
        choice["logprobs"] = {"content": [_token(token) for token in answer.logprobs]}
    return {"object": "chat.completion", "choices": [choice]}


def _token(token: TokenLogprob) -> Mapping[str, Json]:
    top = [{"token": t, "logprob": p} for t, p in token.top]
    return {"token": token.token, "logprob": token.logprob, "top_logprobs": top}
