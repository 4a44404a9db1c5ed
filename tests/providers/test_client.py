"""The client against a scripted server on loopback, and against replay."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from downroute.errors import ConfigError
from downroute.providers.client import Client, Timing
from downroute.providers.replay.faults import Fault
from downroute.providers.replay.recordings import load
from downroute.providers.replay.server import serving
from downroute.providers.replay.settings import ReplaySettings
from downroute.providers.replies import Reply
from downroute.records import Usage

Step = Callable[[web.Request], Awaitable[web.StreamResponse]]

REQUEST = {
    "model": "m",
    "messages": [{"role": "user", "content": "hi"}],
    "temperature": 0.1,
    "stream": True,
    "stream_options": {"include_usage": True},
}
COMPLETION = {
    "id": "1",
    "model": "m-2026-01-01",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "ho"}}],
    "usage": {
        "prompt_tokens": 9,
        "completion_tokens": 2,
        "prompt_tokens_details": {"cached_tokens": 4},
    },
}


def says(status: int, body: Any, **headers: str) -> Step:
    async def step(_: web.Request) -> web.StreamResponse:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(status=status, text=text, headers=sent)

    return step


async def hangs(_: web.Request) -> web.StreamResponse:
    await asyncio.sleep(30)
    return web.Response()


async def resets(http: web.Request) -> web.StreamResponse:
    assert http.transport is not None
    http.transport.abort()
    return web.Response()


async def breaks_off(http: web.Request) -> web.StreamResponse:
    reply = web.StreamResponse(headers={"Content-Length": "1000"})
    await reply.prepare(http)
    await reply.write(b'{"choices": [{"mess')
    assert http.transport is not None
    http.transport.close()
    return reply


@asynccontextmanager
async def scripted(steps: list[Step], seen: list[Any]) -> Any:
    """A server that answers with the steps in turn, the last one from then on."""
    script = list(steps)

    async def answer(http: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in http.headers.items()}
        seen.append((http.path, headers, await http.json()))
        step = script.pop(0) if len(script) > 1 else script[0]
        return await step(http)

    app = web.Application()
    app.router.add_post("/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def ask(*steps: Step, waits: list[float] | None = None, **options: Any) -> Reply:
    """One question to a server with this script; ``waits`` gets the pauses, which take no time."""
    return ask_and_see(*steps, waits=waits, **options)[0]


def ask_and_see(
    *steps: Step, waits: list[float] | None = None, **options: Any
) -> tuple[Reply, list[Any]]:
    seen: list[Any] = []

    async def pause(seconds: float) -> None:
        if waits is not None:
            waits.append(seconds)

    async def run() -> Reply:
        timing = Timing(sleep=pause, jitter=lambda: 0.0)
        async with scripted(list(steps), seen) as url:
            path = options.pop("path", "/v1")
            async with Client(url + path, timing=timing, name="up", **options) as client:
                return await client.ask(REQUEST)

    return asyncio.run(run()), seen


def test_an_answer_comes_with_its_usage_snapshot_and_time() -> None:
    ticks: Iterator[float] = iter([10.0, 12.5])
    seen: list[Any] = []

    async def run() -> Reply:
        timing = Timing(clock=lambda: next(ticks))
        async with scripted([says(200, COMPLETION)], seen) as url:
            options: Any = {"api_key": "sk-123456789", "headers": {"X-Org": "acme"}}
            async with Client(url, timing=timing, **options) as client:
                return await client.ask(REQUEST)

    reply = asyncio.run(run())
    assert reply.error is None
    assert reply.answer.text == "ho"
    assert reply.usage == Usage(input_tokens=9, output_tokens=2, cached_input_tokens=4)
    assert (reply.status, reply.snapshot, reply.latency_s) == (200, "m-2026-01-01", 2.5)
    assert (reply.tries, reply.body) == (1, COMPLETION)
    path, headers, body = seen[0]
    assert path == "/v1/chat/completions"
    assert (headers["authorization"], headers["x-org"]) == ("Bearer sk-123456789", "acme")
    assert body == {k: REQUEST[k] for k in ("model", "messages", "temperature")}


def test_a_busy_upstream_is_asked_again_when_it_said() -> None:
    waits: list[float] = []
    busy = says(429, {"error": {"message": "slow down"}}, retry_after="7")
    reply = ask(busy, says(503, "oops"), says(200, COMPLETION), waits=waits)
    assert (reply.answer.text, reply.tries, reply.error) == ("ho", 3, None)
    assert waits == [7.0, 1.0]


def test_a_date_to_come_back_is_understood() -> None:
    waits: list[float] = []
    busy = says(
        503, "", retry_after="Sun, 06 Nov 1994 08:49:37 GMT", date="Sun, 06 Nov 1994 08:49:26 GMT"
    )
    assert ask(busy, says(200, COMPLETION), waits=waits).error is None
    assert waits == [11.0]


def test_after_the_last_retry_the_upstreams_own_words_come_back_as_one_line() -> None:
    waits: list[float] = []
    body = {"error": {"message": "Rate limit\nreached " + "x" * 500, "code": "rate_limit"}}
    reply = ask(says(429, body, retry_after="2"), waits=waits, max_retries=2)
    assert (reply.status, reply.tries, reply.code) == (429, 3, "rate_limit")
    assert (reply.retry_after_s, len(waits)) == (2.0, 2)
    assert reply.error is not None
    assert "answered 429: Rate limit reached xxx" in reply.error
    assert reply.error.endswith("… (after 3 tries)")
    assert "\n" not in reply.error
    assert len(reply.error) < 300
    assert not reply.unreachable


def test_a_refused_parameter_is_named_and_not_asked_again() -> None:
    fault = {"error": {"message": "Unsupported value", "param": "temperature", "code": "bad"}}
    reply, seen = ask_and_see(says(400, fault))
    assert (reply.status, reply.param, reply.code, reply.tries) == (400, "temperature", "bad", 1)
    assert reply.body == fault
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (hangs, "did not answer within 0.1 s (after 3 tries)"),
        (resets, "closed the connection without an answer (after 3 tries)"),
        (breaks_off, "broke off in the middle of its answer (after 3 tries)"),
    ],
)
def test_a_connection_that_fails_is_tried_again_and_may_have_been_billed(
    step: Step, said: str
) -> None:
    reply = ask(step, max_retries=2, timeout_s=0.1)
    assert reply.error is not None
    assert reply.error.endswith(said)
    assert (reply.status, reply.tries, reply.unanswered_tries) == (None, 3, 3)
    assert not reply.unreachable
    assert reply.latency_s is None
    recovered = ask(step, says(200, COMPLETION), max_retries=2, timeout_s=0.1)
    assert (recovered.error, recovered.tries, recovered.unanswered_tries) == (None, 2, 1)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"choices": []}, 'answered what is no completion: {"choices": []}'),
        ({"error": {"message": "out of GPUs", "code": 502}}, "answered an error: out of GPUs"),
    ],
)
def test_a_200_that_is_no_completion_is_an_error(body: Any, said: str) -> None:
    reply = ask(says(200, body))
    assert reply.error is not None
    assert said in reply.error
    assert (reply.status, reply.tries, reply.unreachable) == (200, 1, False)


@pytest.mark.parametrize("body", ['{"choices": [{"mess', ""])
def test_an_answer_that_is_no_json_is_asked_for_again_and_may_have_been_billed(body: str) -> None:
    reply = ask(says(200, body), says(200, COMPLETION))
    assert (reply.error, reply.tries, reply.unanswered_tries) == (None, 2, 1)
    lost = ask(says(200, body), max_retries=1)
    assert lost.error is not None and "no completion" in lost.error
    assert (lost.tries, lost.unanswered_tries) == (2, 2)


@pytest.mark.parametrize(
    "step",
    [
        says(200, "<!doctype html><title>Welcome</title>"),
        says(404, "404 page not found"),
        says(404, {"detail": "Not Found"}),
        says(405, ""),
        says(404, {"error": {"message": "Unknown request URL", "code": "unknown_url"}}),
        says(307, "", location="https://elsewhere/"),
    ],
)
def test_a_wrong_address_is_told_from_a_refusal(step: Step) -> None:
    reply = ask(step, path="/some/app")
    assert reply.unreachable
    assert reply.error is not None
    assert "/some/app/v1/chat/completions, is upstreams.up.base_url right?" in reply.error
    assert reply.tries == 1


def test_an_unknown_model_is_no_wrong_address() -> None:
    reply = ask(says(404, {"error": {"message": "no such model", "code": "model_not_found"}}))
    assert not reply.unreachable
    assert reply.error is not None
    assert reply.error.endswith("answered 404: no such model")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_nobody_there_is_said_soon_and_in_one_line() -> None:
    waits: list[float] = []
    port = free_port()

    async def pause(seconds: float) -> None:
        waits.append(seconds)

    async def run() -> Reply:
        async with Client(
            f"http://127.0.0.1:{port}", name="local", timing=Timing(sleep=pause)
        ) as client:
            return await client.ask(REQUEST)

    reply = asyncio.run(run())
    assert reply.unreachable
    assert reply.error == (
        f"cannot reach http://127.0.0.1:{port}/v1: connection refused; is it running? "
        "(upstreams.local.base_url)"
    )
    assert len(waits) == 1
    assert reply.unanswered_tries == 0


def test_https_to_a_server_without_tls_is_said_so() -> None:
    async def run() -> Reply:
        async with (
            scripted([says(200, COMPLETION)], []) as url,
            Client(url.replace("http:", "https:"), max_retries=0) as client,
        ):
            return await client.ask(REQUEST)

    reply = asyncio.run(run())
    assert reply.unreachable
    assert reply.error is not None
    assert "http:// instead of https://?" in reply.error


def test_the_key_is_never_shown_not_even_where_the_upstream_repeats_it() -> None:
    body = {"error": {"message": "Incorrect API key provided: sk-very-secret (org acme-secret)"}}
    reply = ask(says(401, body), api_key="sk-very-secret", headers={"org": "acme-secret"})
    assert reply.error is not None
    assert reply.error.endswith("Incorrect API key provided: [secret] (org [secret])")
    client = Client("http://h", api_key="sk-very-secret", headers={"org": "acme-secret"})
    assert "secret" not in repr(client)
    for options in ({"api_key": "sk-ver\ny-secret"}, {"headers": {"x": "sécret"}}):
        with pytest.raises(ConfigError) as refused:
            Client("http://h", name="up", **options)
        assert "cannot be sent as an HTTP header" in str(refused.value)
        assert "secret" not in str(refused.value)
        assert "sécret" not in str(refused.value)


def test_a_request_that_is_no_json_is_an_error_and_not_sent() -> None:
    async def run() -> Reply:
        async with Client("http://127.0.0.1:9") as client:
            return await client.ask({"messages": [], "temperature": float("nan")})

    reply = asyncio.run(run())
    assert reply.error is not None
    assert "cannot be sent as JSON" in reply.error
    assert reply.tries == 0


def test_no_more_requests_are_under_way_than_connections_allow() -> None:
    under_way: list[int] = [0, 0]

    async def slow(_: web.Request) -> web.StreamResponse:
        under_way[0] += 1
        under_way[1] = max(under_way)
        await asyncio.sleep(0.01)
        under_way[0] -= 1
        return web.json_response(COMPLETION)

    async def run() -> list[Reply]:
        async with scripted([slow], []) as url, Client(url, connections=3) as client:
            return await asyncio.gather(*(client.ask(REQUEST) for _ in range(12)))

    assert all(r.error is None for r in asyncio.run(run()))
    assert under_way[1] == 3


def test_it_gets_every_answer_from_a_replay_that_fails_often(recording: Path) -> None:
    async def no_pause(_: float) -> None:
        await asyncio.sleep(0)

    async def run() -> list[Reply]:
        settings = ReplaySettings(fail_rate=0.5, seed=11, require_key="sk-12345678")
        async with serving(load([recording]), settings) as url:
            options: Any = {"api_key": "sk-12345678", "timing": Timing(sleep=no_pause)}
            async with Client(url, max_retries=20, **options) as client:
                request = {"model": "small", "messages": [{"role": "user", "content": "Sure?"}]}
                return await asyncio.gather(*(client.ask(request) for _ in range(50)))

    replies = asyncio.run(run())
    assert {r.answer.text for r in replies} == {"Only here"}
    assert max(r.tries for r in replies) > 2
    assert any(r.unanswered_tries for r in replies)


@pytest.mark.parametrize("fault", ["hang", "garbled"])
def test_replay_can_hang_and_garble_and_the_client_says_which(recording: Path, fault: str) -> None:
    async def no_pause(_: float) -> None:
        pass

    async def run() -> Reply:
        settings = ReplaySettings(fail_rate=1.0, faults=(Fault(fault),))
        async with serving(load([recording]), settings) as url:
            options: Any = {"timing": Timing(sleep=no_pause), "timeout_s": 0.2, "max_retries": 1}
            async with Client(url, **options) as client:
                request = {"model": "small", "messages": [{"role": "user", "content": "Sure?"}]}
                return await client.ask(request)

    reply = asyncio.run(run())
    said = {"hang": "did not answer within 0.2 s", "garbled": "answered what is no completion"}
    assert reply.error is not None and said[fault] in reply.error
    assert (reply.tries, reply.unanswered_tries) == (2, 2)
