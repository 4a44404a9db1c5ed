"""What the gateway answers at which path. Free of any transport: a request in, a reply out."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable, Collection
from pathlib import PurePath
from typing import Protocol

from downroute.gateway import log_lines
from downroute.gateway.door import Door
from downroute.gateway.error_reply import INTERNAL, Refusal
from downroute.gateway.headers import REQUEST_ID, named, safe
from downroute.gateway.log_lines import say
from downroute.gateway.message import Headers, Reply, Request, made_of
from downroute.gateway.model_list import ModelList
from downroute.gateway.openapi import openapi
from downroute.gateway.passthrough import Passthrough, in_shortest_form
from downroute.gateway.refused import refused
from downroute.gateway.status import health
from downroute.gateway.telemetry.metric_names import OTHER

Replying = Callable[[Request], Awaitable[Reply]]

_SERVED = (
    "POST /v1/chat/completions, POST /v1/messages, POST /v1/route, POST /v1/feedback, "
    "GET /v1/models, GET /health, GET /ready, GET /metrics and the upstreams' own paths under /v1"
)
_PASSED = (
    *("/responses", "/embeddings", "/completions", "/messages/", "/moderations", "/audio/"),
    "/chat/completions",
    *("/images/", "/files", "/batches", "/uploads", "/vector_stores", "/fine_tuning/", "/rerank"),
    *("/conversations", "/containers", "/videos", "/evals", "/assistants", "/threads", "/models"),
)
"""Beginnings of the paths that are passed through without ``/v1`` before them, too."""
_STORED = "/chat/completions"
"""Where answers are asked for, and where those are listed that an upstream has stored."""


class Answers(Protocol):
    """What answers in one API; see `chat.Answering`."""

    async def reply(self, request: Request) -> Reply: ...

    async def route(self, request: Request) -> Reply: ...


class Handler:
    """Paths are served with and without ``/v1``; any other path under ``/v1`` is an upstream's.
    `handle` never raises but for cancellation. ``requests`` counts what was asked, by path and
    status."""

    def __init__(
        self,
        chat: Answers,
        messages: Answers,
        models: ModelList,
        ready: Replying,
        passthrough: Passthrough,
        metrics: Replying,
        feedback: Replying,
        requests: Counter[tuple[str, str]],
        door: Door,
    ) -> None:
        self._door = door
        self._models = models
        self._passthrough = passthrough
        self._requests = requests
        self._paths: dict[str, tuple[str, Replying]] = {
            "/chat/completions": ("POST", chat.reply),
            "/messages": ("POST", messages.reply),
            "/route": ("POST", chat.route),
            "/feedback": ("POST", feedback),
            "/models": ("GET", models.reply),
            "/health": ("GET", health),
            "/ready": ("GET", ready),
            "/metrics": ("GET", metrics),
            "/openapi.json": ("GET", openapi),
        }
        self._as_sent = {f"{v}{path}": path for path in self._paths for v in ("", "/v1")}
        """The paths as nearly all clients write them."""

    @property
    def served(self) -> Collection[str]:
        """The paths of the gateway's own, without ``/v1``."""
        return self._paths.keys()

    async def handle(self, request: Request) -> Reply:
        """The reply to a request, whatever happens on the way."""
        request_id, cross_site = made_of(request.headers, _told)
        if request_id or log_lines.REQUEST_ID.get() is not None:
            log_lines.REQUEST_ID.set(request_id or None)  # not that of the request before
        path = self._as_sent.get(request.path)
        try:
            found = self._answer(request, path, cross_site)
            reply = found if isinstance(found, Reply) else await found
        except asyncio.CancelledError:
            raise
        except Exception as fault:
            # The message of an exception may quote the request; its kind and place cannot.
            say(logging.ERROR, "internal error", kind=type(fault).__name__, where=_place(fault))
            message = "the gateway failed; the log on its stderr says where"
            reply = refused(request, Refusal(500, message, INTERNAL, code="internal_error"))
        label = path or self._label(request.path)
        self._requests[label, str(reply.status)] += 1
        if request_id:
            return Reply(reply.status, named(reply.headers, request_id), reply.body)
        return reply

    def _answer(
        self, request: Request, path: str | None, cross_site: bool
    ) -> Reply | Awaitable[Reply]:
        versioned = False
        if path is None:
            path = request.path.rstrip("/")
            if path == "/v1" or path.startswith("/v1/"):
                path, versioned = path[3:], True
        if cross_site:
            return _cross_site(request)
        admitted = self._door.admit(request, path)
        if isinstance(admitted, Reply):
            return admitted
        request = admitted
        method, replying = self._paths.get(path, ("", None))
        if replying is None or (path == _STORED and request.method in ("GET", "HEAD")):
            return self._elsewhere(request, path, versioned)
        if request.method == method or (method == "GET" and request.method == "HEAD"):
            return replying(request)
        if path == _STORED:
            return _not_allowed(request, "GET, HEAD, POST")
        return _not_allowed(request, "GET, HEAD" if method == "GET" else method)

    def turned_away(self, head: Request) -> Reply | None:
        """The reply to a request whose body is still to come, where its ``head`` says that it may
        not come in: nobody's body is read before that is known. ``None`` = read on."""
        request_id, cross_site = made_of(head.headers, _told)
        path = head.path.rstrip("/").removeprefix("/v1")
        reply = _cross_site(head) if cross_site else self._door.turned_away(head, path)
        if reply is None:
            return None
        self._requests[self._label(head.path), str(reply.status)] += 1
        return (
            Reply(reply.status, named(reply.headers, request_id), reply.body)
            if request_id
            else reply
        )

    def _label(self, path: str) -> str:
        """One of few names for a path."""
        path = path.rstrip("/").removeprefix("/v1")
        return path if path in self._paths else OTHER

    async def _elsewhere(self, request: Request, path: str, versioned: bool) -> Reply:
        own = path.startswith("/models/") and request.method != "DELETE"
        if own and in_shortest_form(path):
            if request.method not in ("GET", "HEAD"):
                return _not_allowed(request, "GET, HEAD, DELETE")
            return await self._models.one(request, path.removeprefix("/models/"))
        if path and (versioned or path.startswith(_PASSED)):
            return await self._passthrough.reply(request, path)
        message = f"nothing is served at {request.method} {request.path}; there is {_SERVED}"
        return Refusal(404, message, code="unknown_url").reply()


def _told(headers: Headers) -> tuple[str, bool]:
    """The request's id, if its client gave it one, and whether a page of another site sent it."""
    request_id = dict(headers).get(REQUEST_ID, "")
    return safe(request_id.strip()), ("sec-fetch-site", "cross-site") in headers


def _cross_site(request: Request) -> Reply:
    """Any web page a user opens could otherwise spend money through a gateway on loopback."""
    message = "pages of other sites may not call this gateway"
    return refused(request, Refusal(403, message, code="cross_site"))


def _not_allowed(request: Request, allowed: str) -> Reply:
    message = f"{request.path} takes {allowed}, not {request.method}"
    refusal = Refusal(405, message, code="method_not_allowed")
    return refused(request, refusal, [("allow", allowed)])


def _place(fault: Exception) -> str:
    frames = traceback.extract_tb(fault.__traceback__)
    return f"{PurePath(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "unknown"
