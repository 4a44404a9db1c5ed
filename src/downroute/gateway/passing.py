"""A request that is passed through, put to its upstream: once more where nothing was begun, and to
another of its places where that can know all that the request speaks of."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import NamedTuple

from downroute.gateway import json_text
from downroute.gateway.completion import error_code
from downroute.gateway.message import BODILESS, Headers, Request, path_and_query
from downroute.gateway.passed import Passed
from downroute.gateway.upstream import NoReplyError, UpstreamClient, UpstreamReply
from downroute.gateway.upstreams.address import Address
from downroute.gateway.upstreams.again import Again, after_fault, after_status
from downroute.gateway.upstreams.another import another, is_ours, learn
from downroute.gateway.upstreams.pool import Deployment, Pool

_SELF_CONTAINED = frozenset(
    {
        *("/responses", "/embeddings", "/completions", "/moderations", "/rerank"),
        *("/audio/speech", "/images/generations", "/messages/count_tokens"),
    }
)
_OF_ONE_PLACE = (
    *(b'"file_id"', b'"file_ids"', b'"vector_store_ids"', b'"container"', b'"container_id"'),
    *(b'"item_reference"', b'"encrypted_content"'),
    *(b'"previous_response_id"', b'"conversation"', b'"prompt"', b'"background"'),
)
"""What a request for a response may name that one place alone knows, or can read."""


class Came(NamedTuple):
    """A reply; ``whole`` is its body where that had to be read."""

    reply: UpstreamReply
    whole: bytes | None


class Passing:
    """``jitter`` gives numbers in [0, 1)."""

    def __init__(self, client: UpstreamClient, jitter: Callable[[], float] = random.random) -> None:
        self._client = client
        self._jitter = jitter
        self._now = asyncio.get_running_loop().time

    async def send(
        self, request: Request, path: str, pool: Pool, name: str | None, passed: Passed
    ) -> Came:
        """The reply to ``request``, whose model is usually called ``name`` there, if it is to be
        called anything. Tries in vain are left with what is ``passed``.

        Raises:
            NoReplyError: there is none.
        """
        moves = passed.model is not None and is_self_contained(request, path)
        first = pool.choose((), self._now()) if moves else pool.deployments[0]
        if first is None:
            raise pool.closed_off(self._now())
        tried = [first]
        while True:
            came = await self._try(request, path, pool, tried[-1], name, passed, learns=moves)
            then = self._next(pool, tried, came, passed, moves=moves)
            if then is None:
                if isinstance(came, NoReplyError):
                    raise came
                return came
            if isinstance(came, NoReplyError):
                cost = 0.0 if came.fault.unasked else None
                passed.in_vain(None, f"{came.fault}: {came}", cost)
            else:
                passed.in_vain(came.reply.status, f"HTTP {came.reply.status}", 0.0)
            place, pause_s = then
            tried.append(place)
            if pause_s > 0:
                await asyncio.sleep(pause_s)

    def _next(
        self,
        pool: Pool,
        tried: Sequence[Deployment],
        came: Came | NoReplyError,
        passed: Passed,
        *,
        moves: bool,
    ) -> tuple[Deployment, float] | None:
        refusal: tuple[int, Headers] = (0, ())
        if isinstance(came, Came):
            refusal = came.reply.status, came.reply.headers
        left_s, now = passed.time_left_s(), self._now()
        return another(pool, tried, _again(came), refusal, left_s, now, self._jitter, moves=moves)

    async def _try(
        self,
        request: Request,
        path: str,
        pool: Pool,
        place: Deployment,
        name: str | None,
        passed: Passed,
        *,
        learns: bool,
    ) -> Came | NoReplyError:
        """What came of asking one place. It ``learns`` from it where it is one of several that
        could have been asked."""
        address, called = place.address, name and place.names.get(passed.model or "", name)
        body = request.body if called in (None, passed.model) else renamed(request.body, called)
        patience = address.patience(passed.time_left_s(), stream=True)
        url, headers = _url(address, path, request.target), address.sent(passed.begin())
        if learns:
            place.breaker.sent()
        came: Came | NoReplyError | None = None
        try:
            reply = await pool.send(self._client, request.method, url, headers, body, patience)
            came = await _begun(reply, request.method)
        except NoReplyError as fault:
            came = fault.with_traceback(None)
        finally:
            if learns and came is None:
                place.breaker.gave_up()
        if learns and isinstance(came, Came):
            learn(place, came.reply.status, came.reply.headers, self._now())
        elif learns and isinstance(came, NoReplyError):
            ours = is_ours(came, passed.time_left_s())
            learn(place, 0, (), self._now(), came, ours=ours)
        return came


async def _begun(reply: UpstreamReply, method: str) -> Came:
    """A refusal or JSON is read to its end, so that what is wrong with it is known before anything
    is passed on; so is what has no body."""
    bodiless = method == "HEAD" or reply.status in BODILESS
    if reply.status < 300 and not bodiless and not is_json(reply.headers):
        return Came(reply, None)
    try:
        return Came(reply, await reply.read())
    finally:
        reply.close()


def _again(came: Came | NoReplyError) -> Again:
    if isinstance(came, NoReplyError):
        return after_fault(came.fault)
    status = came.reply.status
    if status < 400:
        return Again.NOWHERE
    return after_status(status, error_code(came.whole or b""))


def is_self_contained(request: Request, path: str) -> bool:
    """Whether another place of the upstream can answer it as well: it neither names anything that
    one place has stored, nor has anything stored that will be asked for later."""
    if request.method != "POST" or path.rstrip("/") not in _SELF_CONTAINED:
        return False
    if path.rstrip("/") != "/responses":
        return True
    try:
        stored = json_text.fields(request.body).get("store")
    except ValueError:
        return False
    # Stored is what does not say otherwise.
    return bytes(stored or b"") == b"false" and not any(
        word in request.body for word in _OF_ONE_PLACE
    )


def renamed(body: bytes, name: str) -> bytes:
    """A JSON body that asks for the model ``name``."""
    return json_text.join({**json_text.fields(body), "model": name})


def _url(address: Address, path: str, target: str) -> str:
    """The upstream's URL of a path, with the client's query, then the configured one's."""
    raw, query = path_and_query(target)
    asked = raw.rstrip("/")
    asked = asked[3:] if asked.startswith("/v1/") else asked or path
    return address.url(asked, query)


def is_json(headers: Headers) -> bool:
    return any(name == "content-type" and "json" in value.lower() for name, value in headers)
