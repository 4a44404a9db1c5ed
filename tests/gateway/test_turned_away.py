"""What a request's head alone gets refused, as the handler says it."""

from __future__ import annotations

from collections import Counter
from typing import Any
from unittest.mock import Mock

import pytest

from downroute.gateway.door import Door
from downroute.gateway.handler import Handler
from downroute.gateway.keys import new_key
from downroute.gateway.message import Request
from downroute.gateway_settings import GatewaySettings

from .test_keys import digest

KEY = new_key()
CHAT = "/v1/chat/completions"
WITH_KEY = ("authorization", f"Bearer {KEY}")


def handler(counted: Counter[tuple[str, str]]) -> Handler:
    settings = GatewaySettings.model_validate({"keys": {"app": {"digest": digest(KEY)}}})
    unused: Any = Mock()
    return Handler(*[unused] * 7, counted, Door(settings))


@pytest.mark.parametrize(
    ("path", "headers", "code"),
    [
        (CHAT, [], "invalid_api_key"),
        (f"{CHAT}/", [], "invalid_api_key"),
        ("/chat/completions", [WITH_KEY, ("sec-fetch-site", "cross-site")], "cross_site"),
        (CHAT, [WITH_KEY], None),
        ("/v1/health", [], None),
    ],
)
def test_a_head_is_answered_counted_and_named_as_its_whole_request_would_be(
    path: str, headers: list[tuple[str, str]], code: str | None
) -> None:
    counted: Counter[tuple[str, str]] = Counter()
    head = Request("POST", path, [("x-request-id", "r-1"), *headers], b"")
    reply = handler(counted).turned_away(head)
    if code is None:
        assert reply is None and not counted
        return
    assert reply is not None and isinstance(reply.body, bytes)
    assert f'"{code}"'.encode() in reply.body and ("x-request-id", "r-1") in reply.headers
    assert counted == {("/chat/completions", str(reply.status)): 1}
