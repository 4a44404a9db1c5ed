"""Every other path of an upstream: passed through as it is, logged where a model is named, priced
where the reply states its tokens."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable

from downroute.config import ServeSettings
from downroute.gateway import json_text
from downroute.gateway.call_id import new_call_id
from downroute.gateway.call_in_flight import CANCELLED, CLIENT_CLOSED_REQUEST
from downroute.gateway.call_log import CallLog
from downroute.gateway.call_row import SOURCE, CallRow
from downroute.gateway.chat_body import ChatBody
from downroute.gateway.chat_wire import CHAT
from downroute.gateway.confirmations import REFUSAL, RETRY, Ticket
from downroute.gateway.destinations import Destinations
from downroute.gateway.error_reply import Refusal
from downroute.gateway.exchange import is_event_stream, refusal_of, when_again
from downroute.gateway.headers import split, to_client
from downroute.gateway.message import Reply, Request
from downroute.gateway.onward import Onward
from downroute.gateway.own_keys import MaskedEvents, is_answer
from downroute.gateway.passed import Passed
from downroute.gateway.passing import Came, Passing
from downroute.gateway.prices import Prices
from downroute.gateway.refused import refused
from downroute.gateway.telemetry.trace_context import Tracing
from downroute.gateway.upstream import NoReplyError, UpstreamClient, UpstreamReply
from downroute.gateway.usage import usage_in
from downroute.records import Attempt, Call, Decision, Usage
from downroute.routing.match import ALIAS

_FREE = frozenset({"/messages/count_tokens"})
"""Counting tokens is not billed (docs.anthropic.com/en/docs/build-with-claude/token-counting)."""
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
        self._passing = Passing(client)
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
        if model is not None and model.startswith(ALIAS):
            message = f"'{model}' leaves the choice to the policy, which routes no {path}; name one"
            return refused(request, Refusal(404, message, param="model", code="model_not_found"))
        if hints.key is not None:
            refusal = hints.key.refusal_elsewhere(request.method, path, model, hints.task)
            if refusal is not None:
                return refused(request, refusal)
        if model is not None and self._log.refuses:
            return refused(request, REFUSAL, RETRY)
        anthropic = any(name == "anthropic-version" for name, _ in onward)
        pool, name = self._destinations.for_path(model, anthropic=anthropic)
        passed = Passed(
            id=new_call_id(now),
            model=model,
            onward=onward,
            hints=hints,
            task=hints.task if hints.key is None else hints.key.task(hints.task, model),
            free=path in _FREE,
            trace=self._tracing.begin(onward) if self._tracing else None,
            began=time.perf_counter(),
            started_at=now,
            timeout_s=self._settings().timeout_s,
        )
        try:
            came = await self._passing.send(request, path, pool, name, passed)
            return await self._passed(passed, came, head_only=request.method == "HEAD")
        except NoReplyError as fault:
            refusal = refusal_of(fault, pool.name)
            unbilled = fault.fault.unasked
            ticket = self._note(
                passed, None, refusal.status, error=f"{fault.fault}: {fault}", unbilled=unbilled
            )
            if not await self._written(ticket):
                refusal = REFUSAL
            return refusal.reply([*when_again(fault), *passed.said()])
        except asyncio.CancelledError:
            self._note(passed, None, CLIENT_CLOSED_REQUEST, error=CANCELLED)
            raise

    async def _passed(self, passed: Passed, came: Came, *, head_only: bool) -> Reply:
        reply, whole = came
        keys, failed = self._destinations.own_keys, reply.status >= 300
        told = keys.masked_headers(reply.headers) if failed else reply.headers
        headers = [*to_client(told), *passed.said()]
        if head_only:
            headers += [pair for pair in reply.headers if pair[0] == "content-length"]
        if whole is not None:
            masked = keys.masked(whole)
            if masked != whole and (failed or not is_answer(whole)):
                whole = masked
            ticket = self._note(passed, reply.status, reply.status, usage=usage_in(whole))
            if await self._written(ticket):
                return Reply(reply.status, headers, whole)
            return REFUSAL.reply([*RETRY, *passed.said()])

        def over(tail: bytes, error: str | None) -> Ticket | None:
            return self._note_stream(passed, reply, tail, error)

        events = is_event_stream(reply.headers)
        masking = MaskedEvents(keys) if events and keys else None
        ends_late = self._log.confirms and events
        body = Onward(reply, over, self._written, ends_late=ends_late, masked=masking)
        return Reply(reply.status, headers, body)

    async def _written(self, ticket: Ticket | None) -> bool:
        """Whether the reply may be sent: its row is on disk, or need not be."""
        return ticket is None or await self._log.written(ticket)

    def _note_stream(
        self, passed: Passed, reply: UpstreamReply, tail: bytes, error: str | None
    ) -> Ticket | None:
        """Log a reply whose bytes have been passed on."""
        events = is_event_stream(reply.headers)
        usage = usage_in(tail) if events else Usage()
        status = reply.status
        return self._note(passed, status, status, usage=usage, error=error, stream=events)

    def _note(
        self,
        passed: Passed,
        status: int | None,
        told: int,
        usage: Usage | None = None,
        error: str | None = None,
        *,
        stream: bool = False,
        unbilled: bool = False,
    ) -> Ticket | None:
        """Log it, where a model is named: what calls none costs nothing that we could price.
        ``status`` is the upstream's, ``told`` the client's."""
        if passed.model is None or passed.noted:
            return None
        passed.noted = True
        failed = status is not None and status >= 400
        error = error or (f"HTTP {status}" if failed else None)
        usage = usage or Usage()
        free = failed or unbilled or passed.free
        cost = 0.0 if free else self._prices.known_cost_usd(passed.model, usage)
        ended = time.perf_counter()
        attempt = Attempt(
            passed.model,
            status=status,
            error=error,
            usage=usage,
            cost_usd=cost,
            latency_s=ended - passed.asked_at,
        )
        call = Call(
            id=passed.id,
            source=SOURCE,
            model=passed.model,
            task=passed.task,
            requested_model=passed.model,
            started_at=passed.started_at,
            latency_s=ended - passed.began,
            usage=usage,
            status=told,
            error=error,
            stream=stream,
            decision=Decision.PASSTHROUGH,
            reason="no path that is routed",
            session=passed.hints.session,
            request_id=passed.hints.request_id,
            key_name=passed.hints.key_name,
            attempts=(*passed.attempts, attempt),
        )
        return self._log.add(CallRow(call, CHAT, NOTHING_SAID, trace=passed.trace))


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
