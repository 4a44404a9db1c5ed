"""OpenAI chat JSONL: a request and its answer in one row.

Either the conversation's last message is the answer (``{"messages": [.., {"role": "assistant"}],
"tools": []}``, as fine-tuning files have it), or ``messages`` are the request and ``choices`` the
completion (a stored completion with its messages). Request parameters stand beside, and what
else is recognised: ``model``, ``usage``, ``metadata``, a reference, times.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import structs

from downroute.answers.openai_chat import (
    answer_from_completion,
    answer_from_message,
    usage_from_completion,
)
from downroute.errors import InputError
from downroute.importers.fields import instant, mapping, number, text
from downroute.importers.identity import source_id
from downroute.records import Answer, Call, Json, Usage

SOURCE = "openai"

REQUEST_KEYS = frozenset(
    (
        *("audio", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs"),
        *("max_completion_tokens", "max_tokens", "metadata", "modalities", "n"),
        *("parallel_tool_calls", "prediction", "presence_penalty", "prompt_cache_key"),
        *("reasoning_effort", "response_format", "safety_identifier", "seed", "service_tier"),
        *("stop", "store", "stream", "stream_options", "temperature", "tool_choice", "tools"),
        *("top_k", "top_logprobs", "top_p", "user", "verbosity", "web_search_options"),
    )
)
"""Keys beside ``messages`` that are part of the request."""

_REFERENCE_KEYS = ("reference", "ideal", "expected", "expected_output")
_START_KEYS = ("started_at", "start_time", "created", "created_at", "timestamp")


def fits(row: Mapping[str, Json]) -> bool:
    """True for a row of this format."""
    if "choices" in row:
        return "messages" in row or row.get("object") == "chat.completion"
    messages = row.get("messages")
    last = messages[-1] if isinstance(messages, list) and messages else None
    return isinstance(last, Mapping) and last.get("role") == "assistant"


def call_from_row(row: Mapping[str, Json], served: str | None) -> Call:
    """The call in one row, its id still to be given. ``served`` answered where the row does not
    say who did.

    Raises:
        InputError: the row holds no request, no answer or no model; the reason only.
    """
    if "choices" in row and "messages" not in row:
        raise InputError("no request: add the messages this completion answers as `messages`")
    messages = checked_messages(row.get("messages"))
    if "choices" in row:
        asked = messages
        answer = answer_of(row)
    else:
        asked, answer = messages[:-1], _last_answer(messages[-1], row)
    if not asked:
        raise InputError("no request: the answer is the only message")
    request = {k: v for k, v in row.items() if k in REQUEST_KEYS and v is not None}
    if not isinstance(row.get("logprobs"), bool):
        request.pop("logprobs", None)
    request["messages"] = [_without_weight(m) for m in asked]
    return described(checked_request(request), row, served, answer=answer, usage=_usage(row))


def described(
    request: dict[str, Json],
    row: Mapping[str, Json],
    served: str | None,
    *,
    answer: Answer | None,
    usage: Usage,
) -> Call:
    """The call with everything its row (or its batch request) says beside the words."""
    notes = mapping(row.get("metadata"))
    model = text(row.get("model")) or text(notes.get("model")) or served
    if model is None:
        raise InputError("no model: name the one that answered with --served")
    return Call(
        id="",
        source=SOURCE,
        model=model,
        request=request,
        answer=answer,
        task=text(notes.get("task")) or text(row.get("task")),
        row=source_id(row.get("id")),
        reference=_reference(row),
        slice=text(notes.get("slice")) or text(row.get("slice")),
        snapshot=text(row.get("model")) if "choices" in row else None,
        started_at=next((t for k in _START_KEYS if (t := instant(row.get(k))) is not None), None),
        latency_s=_latency_s(row),
        usage=usage,
        stream=row.get("stream") is True,
        session=text(notes.get("session_id")) or text(row.get("session_id")),
        subject=text(row.get("user")) or text(row.get("safety_identifier")),
    )


def answer_of(completion: Mapping[str, Json]) -> Answer:
    """The answer in a completion's first choice.

    Raises:
        InputError: it holds none that can be read.
    """
    choices = completion.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    message = first.get("message") if isinstance(first, Mapping) else None
    if not isinstance(message, Mapping):
        raise InputError("no answer: the completion has no choice with a message")
    return answer_from_completion({"choices": [{**mapping(first), "message": _modern(message)}]})


def checked_messages(messages: Json) -> list[Mapping[str, Json]]:
    """A request's messages, each an object with a role and readable content.

    Raises:
        InputError: they are not.
    """
    if isinstance(messages, Mapping) and messages.get("object") == "list":
        messages = messages.get("data")
    if not isinstance(messages, list) or not messages:
        raise InputError("no messages")
    for place, message in enumerate(messages, start=1):
        if not isinstance(message, Mapping) or not text(message.get("role")):
            raise InputError(f"message {place} is not an object with a role")
        content = message.get("content")
        if content is not None and not isinstance(content, (str, list)):
            raise InputError(f"message {place} has a content that is neither text nor parts")
    return messages


def checked_request(request: dict[str, Json]) -> dict[str, Json]:
    """The request, where its tools are a list of objects.

    Raises:
        InputError: they are not.
    """
    tools = request.get("tools")
    if tools is not None and not (
        isinstance(tools, list) and all(isinstance(tool, Mapping) for tool in tools)
    ):
        raise InputError("tools are not a list of objects")
    return request


def _last_answer(message: Mapping[str, Json], row: Mapping[str, Json]) -> Answer:
    if message.get("role") != "assistant":
        raise InputError("no answer: the last message is not the assistant's")
    if isinstance(row.get("logprobs"), Mapping) or row.get("finish_reason") is not None:
        return answer_of({"choices": [{**row, "message": message}]})
    return answer_from_message(_modern(message))


def _modern(message: Mapping[str, Json]) -> Mapping[str, Json]:
    """A message with its ``function_call`` (deprecated in 2023, still in logs) as a tool call."""
    legacy = message.get("function_call")
    if not isinstance(legacy, Mapping) or message.get("tool_calls"):
        return message
    return {**message, "tool_calls": [{"type": "function", "function": legacy}]}


def _without_weight(message: Mapping[str, Json]) -> dict[str, Json]:
    """Fine-tuning files weigh messages; the API refuses a request that does."""
    return {k: v for k, v in message.items() if k != "weight"}


def _reference(row: Mapping[str, Json]) -> Json:
    return next((row[k] for k in _REFERENCE_KEYS if row.get(k) is not None), None)


def _usage(row: Mapping[str, Json]) -> Usage:
    block: Any = row if isinstance(row.get("usage"), Mapping) else {"usage": row}
    usage = usage_from_completion(block)
    if row.get("usage_estimated") is not True:
        return usage
    return structs.replace(usage, estimated=True)


def _latency_s(row: Mapping[str, Json]) -> float | None:
    seconds = number(row.get("latency_s"))
    milliseconds = number(row.get("latency_ms"))
    return seconds if milliseconds is None else milliseconds / 1000
