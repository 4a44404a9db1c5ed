"""Anthropic's messages and events as the rest of the project reads them; nonsense is missing."""

from __future__ import annotations

import copy
import random

from downroute.answers.anthropic_messages import (
    chat_completion,
    chat_request,
    events_of,
    message_from_events,
)

MESSAGE = {
    "id": "m",
    "type": "message",
    "role": "assistant",
    "model": "opus",
    "content": [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "text", "text": "billing"},
        {"type": "tool_use", "id": "t", "name": "look_up", "input": {"a": 1}},
    ],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "usage": {"input_tokens": 10, "output_tokens": 2, "cache_read_input_tokens": 4},
}
REQUEST = {
    "model": "opus",
    "max_tokens": 9,
    "system": [{"type": "text", "text": "Sort."}],
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "a"}]},
        {"role": "assistant", "content": MESSAGE["content"]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "x"}]},
    ],
    "tools": [{"name": "look_up", "input_schema": {"type": "object"}}],
    "tool_choice": {"type": "tool", "name": "look_up"},
}
ODD = (None, True, -1, 1.5, 10**30, "", "x", [], [1], {}, {"type": 7}, [[]], [{"type": "text"}])


def changed(draw: random.Random, value):
    """``value`` with another value somewhere in it."""
    value = copy.deepcopy(value)
    places = [
        (holder, key)
        for holder in _holders(value)
        for key in (holder if isinstance(holder, dict) else range(len(holder)))
    ]
    holder, key = draw.choice(places)
    holder[key] = copy.deepcopy(draw.choice(ODD))
    return value


def _holders(value):
    if isinstance(value, (dict, list)):
        yield value
        for each in value.values() if isinstance(value, dict) else value:
            yield from _holders(each)


def test_a_message_is_the_same_after_it_has_been_events():
    assert message_from_events(events_of(MESSAGE)) == MESSAGE


def test_nothing_that_an_upstream_says_in_place_of_a_value_is_a_failure():
    draw = random.Random(7)
    events = events_of(MESSAGE)
    for _ in range(2000):
        read = message_from_events(e for e in changed(draw, events) if isinstance(e, dict))
        chat_completion(read)
        completion = chat_completion(changed(draw, MESSAGE))
        assert completion["object"] == "chat.completion"


def test_nothing_that_a_client_says_in_place_of_a_value_is_a_failure():
    draw = random.Random(8)
    for _ in range(2000):
        assert "messages" in chat_request(changed(draw, REQUEST))


def test_a_block_that_begins_with_what_is_no_text_is_read_from_its_changes():
    events = [
        {"type": "message_start", "message": {"content": []}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": 7}},
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": "billing"},
        },
    ]
    assert message_from_events(events)["content"] == [{"type": "text", "text": "billing"}]
