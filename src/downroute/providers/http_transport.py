"""The real network: one pooled aiohttp session.

Proxy settings of the environment are ignored unless asked for: what is reached must be what the
configuration says.
"""

from __future__ import annotations

from collections.abc import Mapping

import aiohttp

from downroute.providers.transport import ConnectionFault, HttpResponse

CONNECT_TIMEOUT_S = 10.0


class HttpTransport:
    """A `Transport`; make it inside a running event loop. It bounds no number of connections:
    waiting for one would count as the upstream's time."""

    def __init__(self, *, trust_env: bool = False) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=trust_env,
        )

    async def post(
        self, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> HttpResponse | ConnectionFault:
        timeout = aiohttp.ClientTimeout(
            total=timeout_s, sock_connect=min(CONNECT_TIMEOUT_S, timeout_s)
        )
        try:
            async with self._session.post(
                url, headers=headers, data=body, timeout=timeout, allow_redirects=False
            ) as response:
                answered = {k.lower(): v for k, v in response.headers.items()}
                return HttpResponse(response.status, answered, await response.read())
        except (aiohttp.ClientError, OSError) as fault:
            return _fault(fault, timeout_s)

    async def close(self) -> None:
        await self._session.close()


def _fault(fault: Exception, timeout_s: float) -> ConnectionFault:
    match fault:
        case aiohttp.ConnectionTimeoutError():
            return ConnectionFault("no connection in time", connected=False)
        case aiohttp.ClientConnectorDNSError():
            return ConnectionFault("its name does not resolve", connected=False)
        case aiohttp.ClientConnectorCertificateError():
            why = fault.certificate_error
            return ConnectionFault(f"its certificate is not trusted: {why}", connected=False)
        case aiohttp.ClientSSLError():
            return ConnectionFault(
                "it speaks no TLS; http:// instead of https://?", connected=False
            )
        case aiohttp.ClientConnectorError():
            return ConnectionFault(_os_reason(fault.os_error), connected=False)
        case aiohttp.InvalidURL():
            return ConnectionFault("its URL is not valid", connected=False)
        case TimeoutError():
            return ConnectionFault(f"did not answer within {timeout_s:g} s", connected=True)
        case aiohttp.ServerDisconnectedError() | ConnectionResetError():
            return ConnectionFault("closed the connection without an answer", connected=True)
        case aiohttp.ClientPayloadError():
            return ConnectionFault("broke off in the middle of its answer", connected=True)
        case aiohttp.ClientResponseError():
            return ConnectionFault("answered what is no HTTP", connected=True)
    return ConnectionFault(f"lost the connection ({fault or type(fault).__name__})", connected=True)


def _os_reason(fault: OSError) -> str:
    if isinstance(fault, ConnectionRefusedError):
        return "connection refused"
    return (fault.strerror or str(fault)).lower()
