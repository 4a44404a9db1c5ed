"""What the gateway answers at which path. Free of any transport: a request in, a reply out."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable, Collection
from pathlib import PurePath

from downroute.gateway import log_lines
from downroute.gateway.chat import Answering
from downroute.gateway.door import Door
from downroute.gateway.error_reply import INTERNAL, Refusal
from downroute.gateway.headers import REQUEST_ID, named, safe
from downroute.gateway.log_lines import say
from downroute.gateway.message import Reply, Request
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
    *("/images/", "/files", "/batches", "/uploads", "/vector_stores", "/fine_tuning/", "/rerank"),
    *("/conversations", "/containers", "/videos", "/evals", "/assistants", "/threads", "/models"),
)
"""Beginnings of the paths that are passed through without ``/v1`` before them, too."""


class Handler:
    """Paths are served with and without ``/v1``; any other path under ``/v1`` is an upstream's.
    `handle` never raises but for cancellation. ``requests`` counts what was asked, by path and
    status."""

    def __init__(
        self,
        chat: Answering,
        messages: Answering,
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

    @property
    def served(self) -> Collection[str]:
        """The paths of the gateway's own, without ``/v1``."""
        return self._paths.keys()

    async def handle(self, request: Request) -> Reply:
        """The reply to a request, whatever happens on the way."""
        request_id = dict(request.headers).get(REQUEST_ID)
        if request_id and (request_id := safe(request_id.strip())):
            log_lines.REQUEST_ID.set(request_id)
        reply = await self._whatever_happens(request)
        self._requests[self._label(request.path), str(reply.status)] += 1
        if request_id:
            return Reply(reply.status, named(reply.headers, request_id), reply.body)
        return reply

    async def _whatever_happens(self, request: Request) -> Reply:
        try:
            return await self._answer(request)
        except asyncio.CancelledError:
            raise
        except Exception as fault:
            # The message of an exception may quote the request; its kind and place cannot.
            say(logging.ERROR, "internal error", kind=type(fault).__name__, where=_place(fault))
            message = "the gateway failed; the log on its stderr says where"
            return refused(request, Refusal(500, message, INTERNAL, code="internal_error"))

    async def _answer(self, request: Request) -> Reply:
        path, versioned = request.path.rstrip("/"), False
        if path == "/v1" or path.startswith("/v1/"):
            path, versioned = path[3:], True
        if ("sec-fetch-site", "cross-site") in request.headers:
            # Any web page a user opens could otherwise spend money through a gateway on loopback.
            message = "pages of other sites may not call this gateway"
            return refused(request, Refusal(403, message, code="cross_site"))
        admitted = self._door.admit(request, path)
        if isinstance(admitted, Reply):
            return admitted
        request = admitted
        method, replying = self._paths.get(path, ("", None))
        if replying is None:
            return await self._elsewhere(request, path, versioned)
        if request.method == method or (method == "GET" and request.method == "HEAD"):
            return await replying(request)
        return _not_allowed(request, "GET, HEAD" if method == "GET" else method)

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


def _not_allowed(request: Request, allowed: str) -> Reply:
    message = f"{request.path} takes {allowed}, not {request.method}"
    refusal = Refusal(405, message, code="method_not_allowed")
    return refused(request, refusal, [("allow", allowed)])


def _place(fault: Exception) -> str:
    frames = traceback.extract_tb(fault.__traceback__)
    return f"{PurePath(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "unknown"
