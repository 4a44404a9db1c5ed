"""The upstreams' side: one pooled aiohttp session.

Proxy settings of the environment are ignored: what is reached must be what the configuration says.
Replies are asked for uncompressed, because they are read on their way; what comes compressed all
the same is unpacked.
"""

from __future__ import annotations

import errno
import io
import os
from collections.abc import AsyncIterator
from functools import lru_cache
from types import SimpleNamespace

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from downroute.gateway.message import LONGEST_HEADER_BYTES, Headers
from downroute.gateway.upstream import Fault, NoReplyError

CONNECT_TIMEOUT_S = 10.0
_REUSED = "reused"
_LARGE_BODY = 2**20
"""Bytes from which aiohttp wants a body as a file, so as to send it in pieces."""


class HttpClient:
    """An `UpstreamClient`; make it inside a running event loop. It bounds no number of
    connections: waiting for one would look like the upstream's time."""

    def __init__(self) -> None:
        self._session = _session(aiohttp.TCPConnector(limit=0))
        self._unpooled = _session(aiohttp.TCPConnector(limit=0, force_close=True))

    async def send(
        self,
        method: str,
        url: str,
        headers: Headers,
        body: bytes,
        *,
        total_s: float,
        idle_s: float | None,
    ) -> HttpReply:
        sent = CIMultiDict((name, _sendable(value)) for name, value in headers)
        sent["accept-encoding"] = "identity"
        timeout = aiohttp.ClientTimeout(
            total=total_s, sock_connect=min(CONNECT_TIMEOUT_S, total_s), sock_read=idle_s
        )

        async def ask(session: aiohttp.ClientSession, facts: dict[str, bool]) -> HttpReply:
            response = await session.request(
                method,
                _parsed(url),
                headers=sent,
                data=body if len(body) <= _LARGE_BODY else io.BytesIO(body),
                timeout=timeout,
                allow_redirects=False,
                trace_request_ctx=facts,
            )
            return HttpReply(response)

        facts: dict[str, bool] = {}
        try:
            try:
                return await ask(self._session, facts)
            except (aiohttp.ServerDisconnectedError, ConnectionResetError, BrokenPipeError):
                # An upstream may close a connection that is kept alive at any moment. Where it
                # did so before the first byte of a reply, the request is sent once more on a
                # connection of its own (RFC 9112, 9.3.1).
                if not facts.get(_REUSED):
                    raise
                return await ask(self._unpooled, {})
        except (aiohttp.ClientError, OSError, ValueError) as fault:
            raise _no_reply(fault) from None

    async def close(self) -> None:
        await self._session.close()
        await self._unpooled.close()


def _session(connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
    trace = aiohttp.TraceConfig()
    trace.on_connection_reuseconn.append(_note_reuse)
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        skip_auto_headers=("user-agent", "accept", "content-type"),
        max_line_size=LONGEST_HEADER_BYTES,
        max_field_size=LONGEST_HEADER_BYTES,
        trace_configs=[trace],
    )


async def _note_reuse(
    session: aiohttp.ClientSession,  # noqa: ARG001
    context: SimpleNamespace,
    params: aiohttp.TraceConnectionReuseconnParams,  # noqa: ARG001
) -> None:
    context.trace_request_ctx[_REUSED] = True


class HttpReply:
    """An `UpstreamReply`."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.status = response.status
        self.headers: Headers = [(k.lower(), v) for k, v in response.headers.items()]
        self._response = response

    async def read(self) -> bytes:
        try:
            return await self._response.read()
        except (aiohttp.ClientError, OSError) as fault:
            raise _no_reply(fault) from None

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._response.content.iter_any():
                yield chunk
        except (aiohttp.ClientError, OSError) as fault:
            raise _no_reply(fault) from None

    def close(self) -> None:
        self._response.close()


@lru_cache(maxsize=256)
def _parsed(url: str) -> URL:
    return URL(url)


def _sendable(value: str) -> str:
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


def _no_reply(fault: Exception) -> NoReplyError:
    match fault:
        case aiohttp.ConnectionTimeoutError():
            return NoReplyError(Fault.UNREACHABLE, "no connection to its upstream in time")
        case TimeoutError():
            return NoReplyError(Fault.TIMEOUT, "its upstream did not answer in time")
        case aiohttp.ClientConnectorDNSError():
            return NoReplyError(Fault.UNREACHABLE, "its upstream's name does not resolve")
        case aiohttp.ClientConnectorCertificateError():
            return NoReplyError(Fault.UNREACHABLE, "its upstream's certificate is not trusted")
        case aiohttp.ClientSSLError():
            return NoReplyError(Fault.UNREACHABLE, "its upstream speaks no TLS that we know")
        case aiohttp.ClientConnectorError():
            reason = os.strerror(fault.os_error.errno or errno.EHOSTUNREACH).lower()
            return NoReplyError(Fault.UNREACHABLE, f"its upstream cannot be reached ({reason})")
        case aiohttp.InvalidURL() | ValueError():
            return NoReplyError(Fault.UNREACHABLE, "the request cannot be sent as it is")
        case aiohttp.ClientPayloadError():
            return NoReplyError(Fault.BROKEN, "its upstream broke off in the middle of the reply")
        case aiohttp.ClientResponseError():
            return NoReplyError(Fault.BROKEN, "its upstream answered what is no HTTP")
    return NoReplyError(Fault.BROKEN, "its upstream closed the connection without a reply")
