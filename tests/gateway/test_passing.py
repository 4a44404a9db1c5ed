"""What is passed through, where it is asked again or elsewhere."""

from __future__ import annotations

import json
import socket

import pytest

from downroute.gateway.message import Request
from downroute.gateway.passing import is_self_contained
from downroute.records import Purpose

from .running import Gateway, Got, Start
from .test_retries import KEYS, TWO_KEYS, keys_asked, refusal
from .upstream import Answered, Asked, Upstream

MODELS = "models: {large: {upstream: test}}\n"
EMBEDDED = Answered(b'{"model": "large", "usage": {"prompt_tokens": 8, "total_tokens": 8}}')
UNSTORED = {"model": "large", "input": "x", "store": False}


def ask(gateway: Gateway, path: str = "/v1/embeddings", **body: object) -> Got:
    sent = json.dumps({"model": "large", "input": "x", **body}).encode()
    return gateway.request("POST", path, sent, {"content-type": "application/json"})


def two_keys(start: Start, upstream: Upstream, fault: Answered) -> Gateway:
    """``fault`` for the first key, which is the one that is usually asked."""
    first = "Bearer first"
    upstream.answer = lambda asked: fault if asked.headers["authorization"] == first else EMBEDDED
    return start(None, MODELS + TWO_KEYS, **KEYS)


@pytest.mark.parametrize("status", [429, 503, 529])
@pytest.mark.parametrize("path", ["/v1/embeddings", "/v1/responses"])
def test_who_is_sent_too_much_is_asked_again_after_a_moment(
    start: Start, upstream: Upstream, status: int, path: str
) -> None:
    gateway = start(None, MODELS + "upstreams: {test: {base_url: UPSTREAM}}")
    answers = iter([refusal(status), refusal(status), EMBEDDED])
    upstream.answer = lambda _: next(answers)
    got = ask(gateway, path)
    assert (got.status, got.body, got.said("retries")) == (200, EMBEDDED.body, "2")
    (call,) = gateway.calls(1)
    assert [(a.purpose, a.status, a.cost_usd) for a in call.attempts] == [
        (Purpose.RETRIED, status, 0),
        (Purpose.RETRIED, status, 0),
        (Purpose.ANSWER, 200, pytest.approx(8 * 10 / 1e6)),
    ]
    assert (call.status, call.error) == (200, None)


def test_requests_that_name_no_model_are_asked_again_too(start: Start, upstream: Upstream) -> None:
    answers = iter([refusal(429), EMBEDDED])
    upstream.answer = lambda _: next(answers)
    assert start().request("GET", "/v1/files/f-1").body == EMBEDDED.body


def test_it_is_left_at_so_many_and_at_what_the_upstream_asks_for(
    start: Start, upstream: Upstream
) -> None:
    gateway = start(None, "upstreams: {test: {base_url: UPSTREAM, retries: {most: 1}}}")
    upstream.answer = lambda _: refusal(503)
    got = ask(gateway)
    assert (got.status, got.json["error"]["code"], len(upstream.asked)) == (503, "busy", 2)
    upstream.answer = lambda _: refusal(429, **{"retry-after": "60"})
    assert (ask(gateway).status, len(upstream.asked)) == (429, 3)
    upstream.answer = lambda _: refusal(400)
    assert (ask(gateway).status, len(upstream.asked)) == (400, 4)


@pytest.mark.parametrize("status", [401, 429, 500])
@pytest.mark.parametrize(("path", "more"), [("/v1/embeddings", {}), ("/v1/responses", UNSTORED)])
def test_what_any_place_can_answer_goes_to_another(
    start: Start, upstream: Upstream, status: int, path: str, more: dict[str, object]
) -> None:
    gateway = two_keys(start, upstream, refusal(status))
    got = ask(gateway, path, **more)
    assert (got.status, got.body, got.said("retries")) == (200, EMBEDDED.body, "1")
    assert keys_asked(upstream) == ["first", "second"]


def test_what_one_place_has_stored_is_asked_there_alone(start: Start, upstream: Upstream) -> None:
    gateway = two_keys(start, upstream, refusal(429))
    assert ask(gateway, "/v1/responses").status == 429
    assert gateway.request("GET", "/v1/responses/r-1").status == 429
    assert keys_asked(upstream) == ["first"] * 6
    upstream.asked.clear()
    gateway = two_keys(start, upstream, refusal(500))
    assert ask(gateway, "/v1/responses").status == 500
    assert keys_asked(upstream) == ["first"]


def test_what_may_be_billed_is_not_repeated_at_the_same_place(
    start: Start, upstream: Upstream
) -> None:
    only = "upstreams: {test: {base_url: UPSTREAM, timeout_s: 0.2}}"
    upstream.answer = lambda _: Answered(wait_s=1)
    assert ask(start(None, MODELS + only)).status == 504
    assert len(upstream.asked) == 1


def test_a_place_that_takes_too_long_is_followed_by_another_and_the_cost_is_not_known(
    start: Start, upstream: Upstream
) -> None:
    gateway = two_keys(start, upstream, Answered(wait_s=2))
    assert ask(gateway).status == 200
    (call,) = gateway.calls(1)
    assert [a.cost_usd is None for a in call.attempts] == [True, False]
    assert call.cost_usd is None


def test_a_place_that_is_not_there_is_followed_by_one_that_is_under_its_own_name_of_the_model(
    start: Start, upstream: Upstream
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        gateway = start(
            None,
            f"{MODELS}upstreams:\n  test:\n    base_url: UPSTREAM\n    deployments:\n"
            f"    - base_url: '{dead}'\n    - {{weight: 0, names: {{large: l-2}}}}\n",
        )
        upstream.answer = lambda asked: Answered(json.dumps({"model": asked.model}).encode())
        assert ask(gateway).json == {"model": "l-2"}
    (call,) = gateway.calls(1)
    assert (call.attempts[0].error or "").startswith("unreachable") and not call.attempts[
        0
    ].cost_usd


def test_an_answer_that_breaks_off_is_asked_for_elsewhere_and_one_that_streams_is_not(
    start: Start, upstream: Upstream
) -> None:
    def cut(asked: Asked) -> Answered:
        kind = "text/event-stream" if asked.json.get("stream") else "application/json"
        broken = Answered(pieces=[b'{"half'], cut=True, headers={"content-type": kind})
        return broken if asked.headers["authorization"] == "Bearer first" else EMBEDDED

    gateway = start(None, MODELS + TWO_KEYS, **KEYS)
    upstream.answer = cut
    assert ask(gateway).body == EMBEDDED.body
    with pytest.raises(Exception, match="IncompleteRead"):
        ask(gateway, stream=True)
    assert keys_asked(upstream) == ["first", "second", "first"]


@pytest.mark.parametrize(
    ("method", "path", "body", "moves"),
    [
        ("POST", "/embeddings", b"{}", True),
        ("POST", "/embeddings/", b"{}", True),
        ("POST", "/files", b"{}", False),
        ("GET", "/embeddings", b"", False),
        ("POST", "/responses", b'{"store": false}', True),
        ("POST", "/responses", b"{}", False),
        ("POST", "/responses", b'{"store": true}', False),
        ("POST", "/responses", b'{"store": false, "previous_response_id": "r"}', False),
        ("POST", "/responses", b'{"store": false, "input": [{"file_id": "f"}]}', False),
        ("POST", "/responses", b'{"store": false, "input": "a \\"file_id\\" b"}', True),
        ("POST", "/responses", b"half {", False),
        ("POST", "/responses/r-1/cancel", b"{}", False),
    ],
)
def test_only_what_names_and_leaves_nothing_stored_is_every_places(
    method: str, path: str, body: bytes, moves: bool
) -> None:
    assert is_self_contained(Request(method, path, [], body), path) == moves
