"""Every other path of an upstream: passed through as it is, logged where a model is named, priced
where the reply states its tokens."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Callable
from urllib.parse import urlsplit

from downroute.config import ServeSettings
from downroute.gateway import json_text
from downroute.gateway.call_id import new_call_id
from downroute.gateway.call_in_flight import CANCELLED, CLIENT_CLOSED_REQUEST
from downroute.gateway.call_log import CallLog
from downroute.gateway.call_row import SOURCE, CallRow
from downroute.gateway.chat_body import ChatBody
from downroute.gateway.chat_wire import CHAT
from downroute.gateway.destinations import Destinations
from downroute.gateway.error_reply import Refusal
from downroute.gateway.exchange import is_event_stream, refusal_of, when_again
from downroute.gateway.headers import OWN, Hints, safe, split, to_client
from downroute.gateway.message import Headers, Reply, Request
from downroute.gateway.prices import Prices
from downroute.gateway.refused import refused
from downroute.gateway.telemetry.trace_context import Trace, Tracing
from downroute.gateway.upstream import NoReplyError, UpstreamClient, UpstreamReply
from downroute.gateway.upstreams.address import Address
from downroute.gateway.usage import usage_in
from downroute.records import Attempt, Call, Decision, Usage

_LONGEST_TAIL = 256 * 1024
"""Of a stream, its last bytes are kept: the events that state tokens come at the end."""
_DOTS = re.compile(r"(?:^|/)\.{1,2}(?:/|$)|//|\\")


class Passthrough:
    """``settings`` say how long a call may take."""

    def __init__(
        self,
        client: UpstreamClient,
        destinations: Destinations,
        prices: Prices,
        log: CallLog,
        settings: Callable[[], ServeSettings],
        *,
        tracing: Tracing | None = None,
    ) -> None:
        self._tracing = tracing
        self._client = client
        self._destinations = destinations
        self._prices = prices
        self._log = log
        self._settings = settings

    async def reply(self, request: Request, path: str) -> Reply:
        """The upstream's reply to ``request`` at ``path`` (without a version)."""
        if not in_shortest_form(path):
            message = "there is no such path: it is not in its shortest form"
            return Refusal(404, message, code="bad_path").reply()
        now = time.time()
        hints, onward = split(request.headers, request.key)
        model = _model(request)
        if hints.key is not None:
            refusal = hints.key.refusal_elsewhere(request.method, path, model, hints.task)
            if refusal is not None:
                return refused(request, refusal)
        anthropic = any(name == "anthropic-version" for name, _ in onward)
        pool, name = self._destinations.for_path(model, anthropic=anthropic)
        passed = _Passed(
            id=new_call_id(now),
            model=model,
            began=time.perf_counter(),
            started_at=now,
            hints=hints,
            trace=self._tracing.begin(onward) if self._tracing else None,
        )
        sent = onward if passed.trace is None else passed.trace.asked(onward)
        body = request.body if name in (None, model) else _renamed(request.body, str(name))
        try:
            reply = await pool.send(
                self._client,
                request.method,
                _url(pool.first, path, request.target),
                pool.first.sent(sent),
                body,
                pool.first.patience(self._settings().timeout_s, stream=True),
            )
            return await self._passed(passed, reply)
        except NoReplyError as fault:
            refusal = refusal_of(fault, pool.name)
            unbilled = fault.fault.unasked
            self._note(
                passed, None, refusal.status, error=f"{fault.fault}: {fault}", unbilled=unbilled
            )
            return refusal.reply([*when_again(fault), *passed.said()])
        except asyncio.CancelledError:
            self._note(passed, None, CLIENT_CLOSED_REQUEST, error=CANCELLED)
            raise

    async def _passed(self, passed: _Passed, reply: UpstreamReply) -> Reply:
        headers = [*to_client(reply.headers), *passed.said()]
        if _is_json(reply.headers):
            try:
                body = await reply.read()
            finally:
                reply.close()
            self._note(passed, reply.status, reply.status, usage=usage_in(body))
            return Reply(reply.status, headers, body)
        return Reply(reply.status, headers, _Onward(self, passed, reply))

    def note_stream(
        self, passed: _Passed, reply: UpstreamReply, tail: bytes, error: str | None
    ) -> None:
        """Log a reply whose bytes have been passed on."""
        events = is_event_stream(reply.headers)
        usage = usage_in(tail) if events else Usage()
        status = reply.status
        self._note(passed, status, status, usage=usage, error=error, stream=events)

    def _note(
        self,
        passed: _Passed,
        status: int | None,
        told: int,
        usage: Usage | None = None,
        error: str | None = None,
        *,
        stream: bool = False,
        unbilled: bool = False,
    ) -> None:
        """Log it, where a model is named: what calls none costs nothing that we could price.
        ``status`` is the upstream's, ``told`` the client's."""
        if passed.model is None:
            return
        failed = status is not None and status >= 400
        error = error or (f"HTTP {status}" if failed else None)
        usage = usage or Usage()
        cost = 0.0 if failed or unbilled else self._prices.known_cost_usd(passed.model, usage)
        latency_s = time.perf_counter() - passed.began
        attempt = Attempt(
            passed.model,
            status=status,
            error=error,
            usage=usage,
            cost_usd=cost,
            latency_s=latency_s,
        )
        call = Call(
            id=passed.id,
            source=SOURCE,
            model=passed.model,
            requested_model=passed.model,
            started_at=passed.started_at,
            latency_s=latency_s,
            usage=usage,
            status=told,
            error=error,
            stream=stream,
            decision=Decision.PASSTHROUGH,
            reason="no path that is routed",
            session=passed.hints.session,
            request_id=passed.hints.request_id,
            key_name=passed.hints.key_name,
            attempts=(attempt,),
        )
        self._log.add(CallRow(call, CHAT, NOTHING_SAID, trace=passed.trace))


class _Passed:
    """One request on its way."""

    __slots__ = ("began", "hints", "id", "model", "started_at", "trace")

    def __init__(
        self,
        *,
        id: str,
        model: str | None,
        began: float,
        started_at: float,
        hints: Hints,
        trace: Trace | None,
    ) -> None:
        self.id = id
        self.model = model
        self.began = began
        self.started_at = started_at
        self.hints = hints
        self.trace = trace

    def said(self) -> list[tuple[str, str]]:
        headers = [(f"{OWN}call-id", self.id), (f"{OWN}decision", Decision.PASSTHROUGH.value)]
        return [*headers, *([(f"{OWN}model", safe(self.model))] if self.model else [])]


class _Onward:
    """A reply's bytes as they come: a `Stream`. It is cut off where the upstream breaks off, so
    that nobody takes what came for the whole."""

    def __init__(self, owner: Passthrough, passed: _Passed, reply: UpstreamReply) -> None:
        self._owner = owner
        self._passed = passed
        self._reply = reply
        self._tail = b""
        self._noted = False
        self._pieces: AsyncGenerator[bytes, None] | None = None

    def __aiter__(self) -> AsyncGenerator[bytes, None]:
        self._pieces = self._onward()
        return self._pieces

    async def aclose(self) -> None:
        if self._pieces is not None:
            await self._pieces.aclose()
        self._reply.close()
        self._end(CANCELLED)

    async def _onward(self) -> AsyncGenerator[bytes, None]:
        try:
            async for chunk in self._reply.chunks():
                self._tail = (self._tail + chunk)[-_LONGEST_TAIL:]
                yield chunk
        except NoReplyError as fault:
            self._end(f"{fault.fault}: {fault}")
            raise
        self._end(None)

    def _end(self, error: str | None) -> None:
        if not self._noted:
            self._noted = True
            self._owner.note_stream(self._passed, self._reply, self._tail, error)


NOTHING_SAID = ChatBody(b"", {}, "")
"""The words of a call whose words are never kept."""


def in_shortest_form(path: str) -> bool:
    """Whether no upstream could take it for another path than it says."""
    return _DOTS.search(path) is None


def _model(request: Request) -> str | None:
    """The model a JSON body names."""
    try:
        members = json_text.fields(request.body)
        model = json_text.decode(members["model"])
    except (ValueError, KeyError):
        return None
    return model if isinstance(model, str) and model else None


def _renamed(body: bytes, name: str) -> bytes:
    return json_text.join({**json_text.fields(body), "model": name})


def _url(address: Address, path: str, target: str) -> str:
    """The upstream's URL of a path, with the client's query, then the configured one's."""
    raw = urlsplit(target)
    asked = raw.path.rstrip("/")
    asked = asked[3:] if asked.startswith("/v1/") else asked or path
    query = "&".join(part for part in (raw.query, address.query) if part)
    return f"{address.base}{asked}{'?' + query if query else ''}"


def _is_json(headers: Headers) -> bool:
    return any(name == "content-type" and "json" in value.lower() for name, value in headers)
