"""Recordings on a port: for as long as a block runs, or until the process is told to stop."""

from __future__ import annotations

import asyncio
import errno
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from downroute.errors import DownrouteError
from downroute.providers.replay.handlers import replay_app
from downroute.providers.replay.recordings import Recordings
from downroute.providers.replay.request_log import RequestLog
from downroute.providers.replay.settings import ReplaySettings

_STOP_GRACE_S = 0.05
"""How long replies under way may still take once the server is told to stop."""


@asynccontextmanager
async def serving(
    recordings: Recordings,
    settings: ReplaySettings | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
) -> AsyncIterator[str]:
    """Serves while the block runs and gives the base URL (``http://HOST:PORT/v1``); port 0 takes
    a free one. At the end replies under way are cut off.

    Raises:
        DownrouteError: the address cannot be listened on.
        UsageError: the log cannot be written.
    """
    settings = settings or ReplaySettings()
    with RequestLog(settings.log) as log:
        runner = web.AppRunner(
            replay_app(recordings, settings, log),
            access_log=None,
            handle_signals=False,
            shutdown_timeout=_STOP_GRACE_S,
        )
        await runner.setup()
        try:
            try:
                await web.TCPSite(runner, host, port, backlog=1024).start()
            except OSError as fault:
                raise DownrouteError(_cannot_listen(host, port, fault)) from None
            yield _base_url(*runner.addresses[0][:2])
        finally:
            await runner.cleanup()


def serve_until_stopped(
    recordings: Recordings,
    settings: ReplaySettings,
    *,
    host: str,
    port: int,
    ready: Callable[[str], None],
) -> None:
    """Serves until SIGINT or SIGTERM; calls ``ready`` with the base URL once it listens. Runs on
    uvloop where that is installed.

    Raises:
        DownrouteError, UsageError: as ``serving``.
    """

    async def main() -> None:
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopped.set)
        async with serving(recordings, settings, host=host, port=port) as url:
            ready(url)
            await stopped.wait()

    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(main())


def _base_url(host: str, port: int) -> str:
    """A URL this machine can ask; a wildcard address is no address to ask."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - shown, not bound
    return f"http://[{shown}]:{port}/v1" if ":" in shown else f"http://{shown}:{port}/v1"


def _cannot_listen(host: str, port: int, fault: OSError) -> str:
    if fault.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is in use; end what listens there or choose another --port"
    reason = (fault.strerror or str(fault)).lower()
    return f"cannot listen on {host}:{port}: {reason}; choose another --host or --port"


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop
