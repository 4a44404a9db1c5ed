"""The fingerprint known by a request's bytes is the one that is read off its values."""

from __future__ import annotations

import json

import pytest

from downroute.gateway.chat_body import ChatBody
from downroute.gateway.known_mark import known_mark
from downroute.gateway.messages_body import MessagesBody
from downroute.routing.fingerprint import BLANK, fingerprint

SYSTEM = {"role": "system", "content": "Classify ticket 17 of 2024-01-02."}
ASKED = {"role": "user", "content": "it crashes"}
TOOLS = [{"type": "function", "function": {"name": "find", "parameters": {}}}]


@pytest.mark.parametrize(
    "fields",
    [
        {"messages": [SYSTEM, ASKED]},
        {"messages": [{"role": "developer", "content": [{"type": "text", "text": "Be brief"}]}]},
        {"messages": [SYSTEM, ASKED, {"role": "system", "content": "Now in French."}]},
        {"messages": [SYSTEM], "tools": TOOLS, "response_format": {"type": "json_object"}},
        {"messages": [SYSTEM], "tools": "none", "response_format": 7},
        {"messages": [{"content": "no role"}, {"role": None, "content": "x"}, SYSTEM]},
        {"messages": ["no message", SYSTEM]},
        {"messages": [{"role": "system"}, {"role": "system", "content": None}, SYSTEM]},
        {"messages": "none"},
        {"messages": [{"role": "system", "content": "long " * 9000}]},
        {"messages": [{"role": "system", "content": "a \ud83d half"}, ASKED]},
        {},
    ],
    ids=str,
)
def test_it_is_the_same_whether_or_not_it_is_known(fields: dict) -> None:
    text = json.dumps({"model": "m", **fields}).encode()
    read = [ChatBody.read(text) for _ in range(3)]
    assert all(isinstance(body, ChatBody) for body in read)
    wanted = fingerprint(fields)
    assert [known_mark(body) for body in read[:2]] == [wanted] * 2
    assert fingerprint(read[2]) == wanted


def test_other_instructions_tools_or_formats_are_other_fingerprints() -> None:
    bodies = [
        {"messages": [SYSTEM]},
        {"messages": [{**SYSTEM, "content": "Translate."}]},
        {"messages": [SYSTEM], "tools": TOOLS},
        {"messages": [SYSTEM], "response_format": {"type": "json_object"}},
        {"messages": [{**SYSTEM, "role": "user"}]},
    ]
    marks = [known_mark(ChatBody.read(json.dumps({"model": "m", **b}).encode())) for b in bodies]
    assert len(set(marks)) == len(bodies) and marks[-1] == BLANK


def test_a_request_of_another_shape_has_its_own_fingerprint() -> None:
    text = json.dumps({"model": "m", "max_tokens": 9, "system": "Be brief", "messages": [ASKED]})
    body = MessagesBody.read(text.encode())
    assert isinstance(body, MessagesBody)
    assert known_mark(body) == fingerprint({"messages": [{**SYSTEM, "content": "Be brief"}]})
