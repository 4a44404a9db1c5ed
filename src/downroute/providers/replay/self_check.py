"""PURE: downroute's own question whether an answer is right, answered from the recorded P(yes).

It is recognised by its structure: a recorded request, then the asked model's recorded answer to it
as an assistant message, then one more message of the user. What that asks does not matter.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping

from downroute.answers.openai_chat import answer_from_completion, usage_from_completion
from downroute.answers.self_check import self_check_usage, spoken
from downroute.prompts import content_text, request_digest
from downroute.providers.replay.recordings import RecordedAnswer, Recordings
from downroute.providers.replay.requests import Asked, Refusal
from downroute.records import Json, Usage

_IMPOSSIBLE = -9999.0
"""How OpenAI writes the logarithm of nothing."""


def find_self_check(recordings: Recordings, asked: Asked) -> RecordedAnswer | Refusal | None:
    """The reply to a self-check, a 404 where its P(yes) is not recorded, ``None`` where the
    request is none."""
    messages = [m for m in asked.body["messages"] if isinstance(m, Mapping)]
    if len(messages) < 3 or [m.get("role") for m in messages[-2:]] != ["assistant", "user"]:
        return None
    original = {"messages": messages[:-2], "tools": asked.body.get("tools")}
    answered = recordings.answers(request_digest(original)).get(asked.model)
    if answered is None:
        return None
    completion = json.loads(answered.completion)
    said = content_text(messages[-2].get("content"))
    if said != spoken(answer_from_completion(completion)):
        return None
    if answered.self_check is None:
        return Refusal(
            404,
            f"row {answered.row} records no 'self_check' of '{asked.model}', so what it thinks of "
            "its own answer is not known",
            param="messages",
            code="recording_not_found",
        )
    question = content_text(messages[-1].get("content"))
    usage = self_check_usage(usage_from_completion(completion), question)
    return dataclasses.replace(
        answered,
        completion=json.dumps(_reply(answered.self_check, completion, usage)).encode(),
        latency_s=None,
        self_check=None,
    )


def _reply(p_yes: float, completion: Mapping[str, Json], usage: Usage) -> dict[str, Json]:
    """One token, "Yes" or "No", with the probability of both."""
    p_yes = min(p_yes, 1.0)
    chances = {"Yes": _log(p_yes), "No": _log(1.0 - p_yes)}
    tops = [
        {"token": token, "logprob": logprob}
        for token, logprob in sorted(chances.items(), key=lambda pair: -pair[1])
    ]
    first = {**tops[0], "top_logprobs": tops}
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": first["token"]},
        "finish_reason": "length",
        "logprobs": {"content": [first]},
    }
    told = {"model": completion.get("model"), "choices": [choice], "usage": _wire(usage)}
    return {key: value for key, value in told.items() if value is not None}


def _log(probability: float) -> float:
    return math.log(probability) if probability > 0 else _IMPOSSIBLE


def _wire(usage: Usage) -> dict[str, Json] | None:
    if usage.input_tokens is None or usage.output_tokens is None:
        return None
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }
