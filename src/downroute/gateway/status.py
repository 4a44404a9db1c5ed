"""/health: the process answers. /ready: calls may be sent here, and what is served to them."""

from __future__ import annotations

from collections.abc import Callable

from downroute.gateway import json_text
from downroute.gateway.built import built
from downroute.gateway.call_log import CallLog
from downroute.gateway.destinations import Destinations
from downroute.gateway.message import JSON_TYPE, Reply, Request
from downroute.gateway.plan import Serving
from downroute.records import Json


async def health(_: Request) -> Reply:
    """200 for as long as there is a process to say so."""
    return _json(200, {"status": "ok"})


class Readiness:
    """A store that cannot be written, or a file that cannot be read, is shown but does not make the
    gateway unready: calls do not depend on the one, the last good policy and settings stand in for
    the other, and one slip of an editor must not take every gateway out of service. Only where no
    reply is sent without its row is a gateway that cannot write it not ready (503). Whoever the
    gateway does not trust with all that is told only whether it is ready."""

    def __init__(
        self,
        serving: Callable[[], Serving],
        log: CallLog,
        destinations: Destinations,
        config_fault: Callable[[], str | None],
        trusts: Callable[[Request], bool],
    ) -> None:
        self._trusts = trusts
        self._serving = serving
        self._log = log
        self._destinations = destinations
        self._config_fault = config_fault
        self._code = built()

    async def reply(self, request: Request) -> Reply:
        status, said = (503, "refusing") if self._log.refuses else (200, "ready")
        if not self._trusts(request):
            return _json(status, {"status": said})
        serving = self._serving()
        facts = {
            "status": said,
            "policy_fault": serving.fault,
            "mode": "observing" if serving.table is None else "routing",
            "routes": 0 if serving.table is None else len(serving.table.policy.routes),
            "policy": serving.digest,
            "policy_off": serving.off,
            "log_durability": "sync" if self._log.confirms else "async",
            "lost_log_rows": self._log.lost,
            "waiting_log_rows": self._log.waiting,
            "store_fault": self._log.fault,
            "config_fault": self._config_fault(),
            "code": self._code,
            "circuits_open": [n for n, p in self._destinations.pools.items() if p.all_open],
        }
        return _json(status, facts)


def _json(status: int, value: Json) -> Reply:
    return Reply(status, (JSON_TYPE, ("cache-control", "no-store")), json_text.encode(value))
