"""Lines on stderr, and the id that a client gives its request."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from downroute.gateway.log_lines import LOGGER, REQUEST_ID, Form, say, to_stderr

from .running import Start
from .upstream import Upstream, chat_body, plain


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in (LOGGER, "opentelemetry")]
    before = [(lg, lg.handlers[:], lg.level, lg.propagate) for lg in loggers]
    yield
    for logger, handlers, level, propagate in before:
        logger.handlers[:], logger.level, logger.propagate = handlers, level, propagate
        logger.setLevel(level)


def test_a_json_line_has_time_level_event_and_facts_of_their_own_kind(
    capsys: pytest.CaptureFixture[str],
) -> None:
    to_stderr(Form.JSON)
    say(logging.ERROR, "calls lost", lost=3, reason='a "bad"\nday', nothing=None)
    logging.getLogger("opentelemetry.sdk").warning("queue %s", "full")
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert list(first) == ["time", "level", "event", "lost", "reason"]
    assert first["event"] == "calls_lost" and first["lost"] == 3
    assert first["reason"] == 'a "bad"\nday' and first["time"].endswith("Z")
    assert second["event"] == "queue full" and second["level"] == "WARNING"


def test_a_text_line_stays_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    to_stderr()
    say(logging.INFO, "policy served", digest="ab", file="a b\nc")
    line = capsys.readouterr().err
    assert line.endswith(' INFO policy_served digest=ab file="a b c"\n')


def test_a_line_about_a_request_names_it(capsys: pytest.CaptureFixture[str]) -> None:
    to_stderr(Form.JSON)
    token = REQUEST_ID.set("mine-1")
    say(logging.INFO, "no logprobs")
    REQUEST_ID.reset(token)
    assert json.loads(capsys.readouterr().err)["request_id"] == "mine-1"


def test_the_client_s_request_id_goes_through_everything(start: Start, upstream: Upstream) -> None:
    gateway = start()
    mine = {"x-request-id": "mine-1"}
    answered = plain("large")
    answered.headers["x-request-id"] = "theirs-7"
    upstream.answer = lambda _: answered
    got = gateway.chat(chat_body(), **mine)
    assert got.headers["x-request-id"] == "mine-1"
    assert got.said("upstream-request-id") == "theirs-7"
    assert upstream.asked[0].headers["x-request-id"] == "mine-1"
    (call,) = gateway.calls(1)
    assert call.request_id == "mine-1"
    for path in ("/no/such", "/health", "/v1/chat/completions"):
        assert gateway.request("GET", path, headers=mine).headers["x-request-id"] == "mine-1"
    assert gateway.chat(chat_body()).headers["x-request-id"] == "theirs-7", "none was given"


def test_a_long_request_id_is_cut(start: Start) -> None:
    gateway = start()
    got = gateway.chat(chat_body(), **{"x-request-id": "a" * 900})
    (call,) = gateway.calls(1)
    assert call.request_id == got.headers["x-request-id"] and len(call.request_id or "") == 500
