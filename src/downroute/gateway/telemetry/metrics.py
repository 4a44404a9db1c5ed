"""`/metrics`: the tally with what is true at this moment, summed over all processes."""

from __future__ import annotations

import asyncio
import platform
import resource
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path

from downroute.gateway import open_files
from downroute.gateway.call_log import CallLog
from downroute.gateway.destinations import Destinations
from downroute.gateway.message import Reply, Request
from downroute.gateway.plan import Serving
from downroute.gateway.telemetry import metric_names as names
from downroute.gateway.telemetry.exposition import exposition
from downroute.gateway.telemetry.shared_numbers import SharedNumbers
from downroute.gateway.telemetry.tally import Numbers, Tally
from downroute.gateway.transport.client import HttpClient
from downroute.gateway.transport.server import HttpServer

_PUBLISH_S = 1.0


class Metrics:
    """``requests`` counts HTTP requests by path and status; ``server`` gives the server once
    there is one."""

    def __init__(
        self,
        tally: Tally,
        requests: Mapping[tuple[str, str], int],
        log: CallLog,
        serving: Callable[[], Serving],
        config_fault: Callable[[], str | None],
        destinations: Destinations,
        server: Callable[[], HttpServer],
        client: HttpClient,
        shared: SharedNumbers,
    ) -> None:
        self._tally = tally
        self._requests = requests
        self._log = log
        self._serving = serving
        self._config_fault = config_fault
        self._destinations = destinations
        self._server = server
        self._client = client
        self._shared = shared
        self._build = (
            version("downroute"),
            platform.python_version(),
            platform.python_implementation(),
        )

    async def reply(self, request: Request) -> Reply:
        accept = next((value for name, value in request.headers if name == "accept"), "")
        text, content_type = await asyncio.to_thread(self._told, self._now(), accept)
        return Reply(200, (("content-type", content_type), ("cache-control", "no-store")), text)

    async def publish(self) -> None:
        """Leave the numbers where other processes find them, for ever; nothing where there are
        none."""
        while self._shared.shared:
            await asyncio.to_thread(self._shared.leave, self._now())
            await asyncio.sleep(_PUBLISH_S)

    def over(self) -> None:
        """Leave the last numbers, once all calls are logged."""
        numbers = self._tally.copy()
        self._stand(numbers)
        self._shared.leave(numbers)

    def _told(self, numbers: Numbers, accept: str) -> tuple[bytes, str]:
        return exposition(self._shared.summed(numbers), accept)

    def _now(self) -> Numbers:
        """Called on the event loop, which alone may look at connections."""
        numbers = self._tally.copy()
        self._stand(numbers)
        serving, server = self._serving(), self._server()
        numbers.show(names.WAITING, self._log.waiting)
        numbers.show(names.STORE_FAULT, self._log.fault is not None)
        if serving.digest is not None:
            numbers.show(names.POLICY_INFO, 1, (serving.digest,))
        numbers.show(names.POLICY_OFF, serving.off)
        numbers.show(names.POLICY_FAULT, serving.fault is not None)
        numbers.show(names.CONFIG_FAULT, self._config_fault() is not None)
        for name, pool in self._destinations.pools.items():
            numbers.show(names.CIRCUITS_OPEN, pool.open_circuits, (name,))
            if pool.turns.bounded:
                numbers.show(names.TURNS_TAKEN, pool.turns.taken, (name,))
                numbers.show(names.TURNS_WAITING, pool.turns.waiting, (name,))
        numbers.show(names.IN_FLIGHT, server.in_flight)
        numbers.show(names.CONNECTIONS, len(server.connections))
        numbers.show(names.UPSTREAM_CONNECTIONS, self._client.connections)
        numbers.show(names.TASKS, len(asyncio.all_tasks()))
        numbers.show(names.WORKERS, 1)
        numbers.show(names.MEMORY, _memory_bytes())
        if (files := open_files.count()) is not None:
            numbers.show(names.OPEN_FILES, files)
        numbers.show(names.BUILD, 1, self._build)
        return numbers

    def _stand(self, numbers: Numbers) -> None:
        """Counters that are kept elsewhere, by the event loop."""
        for labels, times in self._requests.items():
            numbers.count(names.HTTP_REQUESTS, labels, times)
        numbers.count(names.LOST, (), self._log.lost)
        numbers.count(names.CPU, (), time.process_time())


def _memory_bytes() -> int:
    """Resident now, from Linux's /proc; elsewhere the most there was."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return pages * resource.getpagesize()
