"""Cascaded streams, byte for byte, as the official client gets them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import openai
import pytest

from .running import PATIENCE_S, Gateway, Start, wait_until
from .test_chat import CASCADE
from .test_streams import EVENT_STREAM, IMPATIENT, without_usage
from .upstream import (
    Answered,
    Asked,
    Upstream,
    chat_body,
    plain,
    stream,
    stream_events,
    without_comments,
)

REJECTED = ("SECRET ", "nonsense")
ACCEPTED = ("bill", "ing")


@contextmanager
def asked_by_client(gateway: Gateway, text: str = "x") -> Iterator[Any]:
    """The official client's reply to a streamed request, its bytes not yet read."""
    with (
        gateway.client() as client,
        client.chat.completions.with_streaming_response.create(
            model="large",
            messages=chat_body(text)["messages"],
            stream=True,
            extra_headers={"x-downroute-task": "triage"},
        ) as reply,
    ):
        yield reply


def small_says(*words: str, **options: Any) -> Any:
    def answer(asked: Asked) -> Answered:
        small = asked.model == "small"
        return stream("small", words, **options) if small else stream("large", ACCEPTED)

    return answer


@pytest.mark.parametrize("configuration", ["", IMPATIENT])
def test_an_accepted_stream_comes_as_the_upstream_sent_it(
    start: Start, upstream: Upstream, configuration: str
) -> None:
    gateway = start(CASCADE, configuration)
    upstream.answer = small_says(*ACCEPTED)
    with asked_by_client(gateway) as reply:
        body = b"".join(reply.iter_bytes())
    sent = without_usage(stream_events("small", ACCEPTED))
    assert without_comments(body) == sent
    assert [a.model for a in upstream.asked] == ["small"]


@pytest.mark.parametrize("configuration", ["", IMPATIENT])
def test_of_a_rejected_stream_nothing_is_ever_seen(
    start: Start, upstream: Upstream, configuration: str
) -> None:
    gateway = start(CASCADE, configuration)

    def answer(asked: Asked) -> Answered:
        answered: Answered = small_says(*REJECTED)(asked)
        if configuration and answered.pieces is not None and asked.model == "small":
            answered.pieces.insert(2, 0.2)
        return answered

    upstream.answer = answer
    with asked_by_client(gateway) as reply:
        headers = dict(reply.headers)
        body = b"".join(reply.iter_bytes())
    assert without_comments(body) == without_usage(stream_events("large", ACCEPTED))
    for seen in (body, repr(headers).encode()):
        assert b"SECRET" not in seen and b"nonsense" not in seen and b"small-2026" not in seen
    assert body.startswith(b": waiting\n\n") is bool(configuration)


@pytest.mark.parametrize("after", [1, 2, 3])
def test_a_candidate_that_breaks_off_is_as_if_it_had_not_been(
    start: Start, upstream: Upstream, after: int
) -> None:
    gateway = start(CASCADE)
    events = stream_events("small", REJECTED)

    def answer(asked: Asked) -> Answered:
        if asked.model == "large":
            return stream("large", ACCEPTED)
        return Answered(
            pieces=[*events[:after], events[after][:9], 0.02], headers=EVENT_STREAM, cut=True
        )

    upstream.answer = answer
    with asked_by_client(gateway) as reply:
        assert reply.headers["x-downroute-decision"] == "fallback"
        body = b"".join(reply.iter_bytes())
    assert without_comments(body) == without_usage(stream_events("large", ACCEPTED))
    (call,) = gateway.calls(1)
    assert str(call.attempts[0].error).startswith("broken off")


def test_a_last_model_that_breaks_off_ends_in_an_error_after_its_own_words(
    start: Start, upstream: Upstream
) -> None:
    gateway = start(CASCADE)
    events = stream_events("large", ACCEPTED)

    def answer(asked: Asked) -> Answered:
        if asked.model == "small":
            return stream("small", REJECTED)
        return Answered(pieces=[*events[:2], events[2][:9], 0.02], headers=EVENT_STREAM, cut=True)

    upstream.answer = answer
    with asked_by_client(gateway) as reply:
        body = b"".join(reply.iter_bytes())
    own = b"".join(events[:2])
    assert body.startswith(own)
    error = json.loads(body.removeprefix(own).removeprefix(b"data: "))["error"]
    assert error["code"] == "upstream_broken_off"
    with gateway.client() as client, pytest.raises(openai.APIError, match="broke off"):
        list(
            client.chat.completions.create(
                model="large",
                messages=[{"role": "user", "content": "x"}],
                stream=True,
                extra_headers={"x-downroute-task": "triage"},
            )
        )


@pytest.mark.parametrize("slow", ["small", "large"])
def test_a_client_that_leaves_ends_the_work_of_whoever_is_asked(
    start: Start, upstream: Upstream, slow: str
) -> None:
    gateway = start(CASCADE, IMPATIENT)

    def answer(asked: Asked) -> Answered:
        answered = stream(asked.model, REJECTED if asked.model == "small" else ACCEPTED)
        if asked.model == slow and answered.pieces is not None:
            answered.pieces.insert(2, PATIENCE_S)
        return answered

    upstream.answer = answer
    with asked_by_client(gateway) as reply:
        pieces = reply.iter_bytes()
        seen = next(pieces)
        wait_until(lambda: upstream.asked[-1].model == slow)
    wait_until(lambda: upstream.asked[-1].cancelled)
    assert b"SECRET" not in seen
    (call,) = gateway.calls(1)
    assert call.error == "cancelled"
    assert call.attempts[-1].model == slow
    assert [a.cancelled for a in upstream.asked[:-1]] == [False] * (len(upstream.asked) - 1)


REFINED: dict[str, Any] = {
    "temperature": 0.125,
    "seed": 7,
    "stop": ["\n\n"],
    "n": 2,
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
    "tool_choice": "auto",
    "response_format": {"type": "json_object"},
    "unheard_of": {"x": [1.50, None]},
}
PICTURE = [
    {"type": "text", "text": "What is this?"},
    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
]


@pytest.mark.parametrize("streamed", [True, False])
def test_whatever_a_request_says_reaches_both_models(
    start: Start, upstream: Upstream, streamed: bool
) -> None:
    gateway = start(CASCADE)
    upstream.answer = small_says(*REJECTED) if streamed else lambda a: plain(a.model, "no")
    body = {**chat_body(), **REFINED, "stream": streamed}
    body["messages"] = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello"},
        {"role": "user", "content": PICTURE},
    ]
    raw = json.dumps(body, indent=3).encode()
    gateway.chat(raw, "triage")
    small, large = upstream.asked
    if streamed:
        body["stream_options"] = {"include_usage": True}
    else:
        assert large.body == raw
    assert {**small.json, "model": "large"} == large.json == body


def test_each_of_several_choices_has_to_pass(start: Start, upstream: Upstream) -> None:
    gateway = start(CASCADE)
    said: dict[str, tuple[str, ...]] = {"small": ("bug", "billing"), "large": ("bug", "bug")}

    def answer(asked: Asked) -> Answered:
        choices = [
            {"index": i, "message": {"role": "assistant", "content": t}, "finish_reason": "stop"}
            for i, t in enumerate(said[asked.model])
        ]
        return plain(asked.model, choices=choices)

    upstream.answer = answer
    assert gateway.chat(chat_body(n=2), "triage").said("decision") == "accepted"
    said["small"] = ("bug", "no idea")
    got = gateway.chat(chat_body(n=2), "triage")
    assert (got.said("decision"), got.said("reason")) == ("escalated", "check one_of failed")
    assert len(got.json["choices"]) == 2
