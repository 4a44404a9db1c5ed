"""The clients' side: aiohttp's low-level server around `Handler`. Thin on purpose: whatever
answers a request lives in the handler, so that another transport can take this one's place."""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any

from aiohttp import web
from multidict import CIMultiDict

from downroute.errors import DownrouteError
from downroute.gateway.error_reply import Refusal
from downroute.gateway.message import (
    LONGEST_HEADER_BYTES,
    Headers,
    Reply,
    Request,
    Stream,
)

LARGEST_BODY_BYTES = 64 * 2**20
_BODY_TIMEOUT_S = 120.0
_BACKLOG = 1024
_CLOSE_S = 1.0
"""How long connections may take to close when nothing is under way any more."""

Handling = Callable[[Request], Awaitable[Reply]]


class HttpServer:
    """Serves ``handle`` on one address. A client that goes away cancels the handling."""

    def __init__(self, handle: Handling, largest_body_bytes: int = LARGEST_BODY_BYTES) -> None:
        self._handle = handle
        self._largest = largest_body_bytes
        # aiohttp would write a traceback for every client that speaks no HTTP.
        silent = logging.Logger("silent", logging.CRITICAL + 1)
        self._http = _JsonErrors(
            self._serve,
            handler_cancellation=True,
            access_log=None,
            logger=silent,
            max_line_size=LONGEST_HEADER_BYTES,
            max_field_size=LONGEST_HEADER_BYTES,
        )
        self._listening: asyncio.Server | None = None
        self._under_way: set[asyncio.Task[Any]] = set()

    async def start(self, host: str, port: int) -> int:
        """Listen; the port, which is a free one where ``port`` is 0.

        Raises:
            DownrouteError: the address cannot be listened on.
        """
        loop = asyncio.get_running_loop()
        try:
            self._listening = await loop.create_server(self._http, host, port, backlog=_BACKLOG)
        except OSError as fault:
            raise DownrouteError(_cannot_listen(host, port, fault)) from None
        return int(self._listening.sockets[0].getsockname()[1])

    async def stop(self, grace_s: float) -> None:
        """Take no more requests, wait up to ``grace_s`` for those under way, cut off the rest."""
        if self._listening is not None:
            self._listening.close()
        self._http.pre_shutdown()
        if self._under_way:
            _, left = await asyncio.wait(self._under_way, timeout=grace_s)
            for task in left:
                task.cancel()
            if left:
                await asyncio.wait(left)
        await self._http.shutdown(_CLOSE_S)

    async def _serve(self, http: web.BaseRequest) -> web.StreamResponse:
        task = asyncio.current_task()
        if task is not None and task not in self._under_way:
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        body = await self._body(http)
        if isinstance(body, Refusal):
            response = _whole(body.reply())
            response.force_close()
            return response
        headers = [(name.lower(), value) for name, value in http.headers.items()]
        reply = await self._handle(Request(http.method, http.path, headers, body))
        if isinstance(reply.body, bytes):
            return _whole(reply)
        return await _send(http, reply, reply.body)

    async def _body(self, http: web.BaseRequest) -> bytes | Refusal:
        content = http.content
        if (http.content_length or 0) > self._largest:
            return self._too_large()
        try:
            if content.is_eof() and content.total_bytes <= self._largest:
                return content.read_nowait()
            if http.headers.get("expect", "").lower() == "100-continue":
                await http.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                http.writer.output_size = 0
            pieces, size = [], 0
            async with asyncio.timeout(_BODY_TIMEOUT_S):
                while piece := await content.readany():
                    pieces.append(piece)
                    size += len(piece)
                    if size > self._largest:
                        return self._too_large()
            return b"".join(pieces)
        except TimeoutError:
            return Refusal(408, "the body of the request did not come in time")
        except web.RequestPayloadError:
            return Refusal(400, "the body of the request is damaged", code="malformed_body")

    def _too_large(self) -> Refusal:
        limit = self._largest // 2**20
        message = f"the body of the request is larger than {limit} MiB"
        return Refusal(413, message, code="request_too_large")


def _whole(reply: Reply) -> web.Response:
    assert isinstance(reply.body, bytes)
    return web.Response(status=reply.status, headers=_multi(reply.headers), body=reply.body)


async def _send(http: web.BaseRequest, reply: Reply, pieces: Stream) -> web.StreamResponse:
    response = web.StreamResponse(status=reply.status, headers=_multi(reply.headers))
    async with aclosing(pieces):
        await response.prepare(http)
        async for piece in pieces:
            await response.write(piece)
    return response


def _multi(headers: Headers) -> CIMultiDict[str]:
    sent = CIMultiDict(headers)
    sent.setdefault("server", "downroute")
    return sent


class _JsonErrors(web.Server):
    """What is no HTTP is refused in the shape of every other refusal, quietly."""

    def __call__(self) -> web.RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)


class _Connection(web.RequestHandler):
    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        _exc: BaseException | None = None,
        _message: str | None = None,
    ) -> web.StreamResponse:
        if request.writer.output_size > 0:
            raise ConnectionError("the reply has begun already")
        response = _whole(Refusal(status, "this is no HTTP request that can be read").reply())
        response.force_close()
        return response


def _cannot_listen(host: str, port: int, fault: OSError) -> str:
    if fault.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is in use; end what listens there or choose another --port"
    reason = (fault.strerror or str(fault)).lower()
    return f"cannot listen on {host}:{port}: {reason}; choose another --host or --port"
