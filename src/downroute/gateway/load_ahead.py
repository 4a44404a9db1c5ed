"""What judging answers takes is loaded as soon as the gateway is ready, beside the event loop: its
start does not wait for it, and neither does the first answer."""

from __future__ import annotations

import asyncio

from downroute.gateway.plan import Serving

_FIRST_S = 0.1
"""What was waiting for the gateway to be ready is answered first."""


async def load_ahead(serving: Serving) -> None:
    """Nothing where no answer is judged by the policy."""
    routes = () if serving.table is None else serving.table.policy.routes
    if any(len(route.models) > 1 for route in routes):
        await asyncio.sleep(_FIRST_S)
        await asyncio.to_thread(_load)


def _load() -> None:
    from downroute.routing import signals
    from downroute.routing.checks import CHECKS

    for check in CHECKS.values():
        check.load()
    signals.known_signals()
