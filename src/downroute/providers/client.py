"""How a study asks a model: one OpenAI-compatible upstream, with retries.

An upstream's fault never raises: it comes back as a `Reply` whose ``error`` is one line for the
reader. The key is sent and nowhere shown, not even where the upstream repeats it.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from types import TracebackType

from downroute.errors import ConfigError
from downroute.providers import retries
from downroute.providers.endpoint import endpoint
from downroute.providers.http_transport import HttpTransport
from downroute.providers.pace import Pace
from downroute.providers.replies import Reply, reply_to_fault, reply_to_response
from downroute.providers.transport import ConnectionFault, Transport
from downroute.records import Json

_SHORTEST_SECRET = 8
"""Shorter header values (say, a version) are no secrets, and hiding them would garble messages."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Where time and chance come from, so that tests of retries take none. ``clock`` is monotonic,
    ``now`` Unix seconds, ``jitter`` uniform in [0, 1)."""

    clock: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    jitter: Callable[[], float] = random.SystemRandom().random


class Client:
    """Asks one upstream: ``async with Client(...) as client: reply = await client.ask(request)``.

    ``base_url`` comes with or without ``/v1``; ``name`` is the upstream's in the configuration, for
    messages. ``timeout_s`` bounds one try, ``max_retries`` the tries after the first, and
    ``connections`` the requests under way at once (waiting for a turn is no part of a latency);
    an upstream that says it is too many is sent fewer for a while (`pace`).
    ``trust_env`` goes through the proxies that the environment names. A ``transport`` given is
    closed with the client.

    Raises:
        ConfigError: the URL, the key or a header cannot be used.
    """

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        name: str | None = None,
        timeout_s: float = 120.0,
        max_retries: int = 4,
        connections: int = 64,
        trust_env: bool = False,
        transport: Transport | None = None,
        timing: Timing | None = None,
    ) -> None:
        setting = f"upstreams.{name}." if name else ""
        self._endpoint = endpoint(base_url, f"{setting}base_url")
        self._headers = _headers(api_key, headers or {}, setting)
        self._secrets = _secrets([api_key or "", *(headers or {}).values()])
        self._timeout_s = timeout_s
        self._max_retries = max_retries
        self._trust_env = trust_env
        self._transport = transport
        self._timing = timing or Timing()
        self.pace = Pace(connections, self._timing.clock, self._timing.sleep)
        self._reached = False

    def __repr__(self) -> str:
        return f"Client({self._endpoint.url!r})"

    async def __aenter__(self) -> Client:
        if self._transport is None:
            self._transport = HttpTransport(trust_env=self._trust_env)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._transport is not None:
            await self._transport.close()
            self._transport = None

    async def ask(self, request: Mapping[str, Json]) -> Reply:
        """The answer to a chat request, asked for as one plain (not streamed) reply."""
        plain = {k: v for k, v in request.items() if k not in ("stream", "stream_options")}
        try:
            body = json.dumps(plain, allow_nan=False).encode()
        except (ValueError, TypeError, RecursionError) as fault:
            return Reply(tries=0, error=f"the request cannot be sent as JSON: {fault}")
        tries = unanswered = 0
        held: float | None = None
        while True:
            reply, again = await self._try_once(plain, body, held)
            tries += 1
            unanswered += reply.unanswered_tries
            if not again or tries > self._retries_after(reply):
                return self._told(replace(reply, tries=tries, unanswered_tries=unanswered))
            held = self.pace.held_until
            pause_s = retries.wait_s(tries, reply.retry_after_s, self._timing.jitter())
            await self._timing.sleep(pause_s)

    async def _try_once(
        self, request: Mapping[str, Json], body: bytes, held: float | None
    ) -> tuple[Reply, bool]:
        """One try, and whether another is worth it."""
        if self._transport is None:
            raise RuntimeError("the client is not open; use `async with Client(...)`")
        async with self.pace.turn(held) as turn:
            started_s = self._timing.clock()
            got = await self._transport.post(
                self._endpoint.url, self._headers, body, self._timeout_s
            )
            took_s = self._timing.clock() - started_s
            if isinstance(got, ConnectionFault):
                return reply_to_fault(got, self._endpoint), True
            turn.overloaded = retries.overloaded(got.status)
            turn.answered = not turn.overloaded
            asked_s = retries.retry_after_s(got.headers, self._timing.now())
            if turn.overloaded and asked_s is not None:
                self.pace.hold(min(asked_s, retries.LONGEST_WAIT_S))
        self._reached = True
        reply = reply_to_response(got, self._endpoint, request, took_s)
        again = reply.garbled or retries.worth_another_try(got.status, reply.code, got.headers)
        return replace(reply, retry_after_s=asked_s), again

    def _retries_after(self, reply: Reply) -> int:
        # Nobody is there and never was: more than one retry only delays saying so.
        absent = reply.unreachable and not self._reached
        return min(1, self._max_retries) if absent else self._max_retries

    def _told(self, reply: Reply) -> Reply:
        """The reply with its error fit to be shown."""
        if reply.error is None:
            return reply
        error = reply.error
        for secret in self._secrets:
            error = error.replace(secret, "[secret]")
        if reply.tries > 1 and not reply.unreachable:
            error += f" (after {reply.tries} tries)"
        return replace(reply, error=error)


def _headers(api_key: str | None, extra: Mapping[str, str], setting: str) -> dict[str, str]:
    headers = {
        "content-type": "application/json",
        "accept": "application/json",
        "user-agent": "downroute",
    }
    if api_key:
        headers["authorization"] = f"Bearer {api_key.strip()}"
    headers.update({name.lower(): value.strip() for name, value in extra.items()})
    for name, value in headers.items():
        text = name + value
        if not text.isprintable() or not text.isascii() or not name or " " in name:
            key = "key" if name == "authorization" and api_key else f"headers.{name}"
            raise ConfigError(
                f"{setting}{key} cannot be sent as an HTTP header: only printable ASCII can "
                "(the value is not shown)"
            )
    return headers


def _secrets(values: list[str]) -> list[str]:
    """What must not be shown, longest first so that no part of one stays behind."""
    found = {v.strip() for v in values if len(v.strip()) >= _SHORTEST_SECRET}
    return sorted(found, key=len, reverse=True)
