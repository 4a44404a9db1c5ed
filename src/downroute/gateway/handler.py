"""What the gateway answers at which path. Free of any transport: a request in, a reply out."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable
from pathlib import PurePath

from downroute.gateway.error_reply import INTERNAL, Refusal
from downroute.gateway.log_lines import say
from downroute.gateway.message import Reply, Request
from downroute.gateway.model_list import ModelList
from downroute.gateway.status import health

Answering = Callable[[Request], Awaitable[Reply]]

_SERVED = "POST /v1/chat/completions, GET /v1/models, GET /health and GET /ready"


class Handler:
    """Paths are served with and without ``/v1``. `handle` never raises but for cancellation."""

    def __init__(self, chat: Answering, models: ModelList, ready: Answering) -> None:
        self._models = models
        self._paths: dict[str, tuple[str, Answering]] = {
            "/chat/completions": ("POST", chat),
            "/models": ("GET", models.reply),
            "/health": ("GET", health),
            "/ready": ("GET", ready),
        }

    async def handle(self, request: Request) -> Reply:
        """The reply to a request, whatever happens on the way."""
        try:
            return await self._answer(request)
        except asyncio.CancelledError:
            raise
        except Exception as fault:
            # The message of an exception may quote the request; its kind and place cannot.
            say(logging.ERROR, "internal error", kind=type(fault).__name__, where=_place(fault))
            message = "the gateway failed; the log on its stderr says where"
            return Refusal(500, message, INTERNAL, code="internal_error").reply()

    async def _answer(self, request: Request) -> Reply:
        path = request.path.rstrip("/")
        if path == "/v1" or path.startswith("/v1/"):
            path = path[3:]
        method, answering = self._paths.get(path, ("", None))
        if answering is None:
            if request.method == "GET" and path.startswith("/models/"):
                return await self._models.one(request, path.removeprefix("/models/"))
            message = f"nothing is served at {request.method} {request.path}; there is {_SERVED}"
            return Refusal(404, message, code="unknown_url").reply()
        if request.method != method:
            message = f"{request.path} takes {method}, not {request.method}"
            return Refusal(405, message, code="method_not_allowed").reply([("allow", method)])
        if ("sec-fetch-site", "cross-site") in request.headers:
            # Any web page a user opens could otherwise spend money through a gateway on loopback.
            message = "pages of other sites may not call this gateway"
            return Refusal(403, message, code="cross_site").reply()
        return await answering(request)


def _place(fault: Exception) -> str:
    frames = traceback.extract_tb(fault.__traceback__)
    return f"{PurePath(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "unknown"
