"""The store as the log writes it: what of people's words it takes, and how it is opened."""

from __future__ import annotations

import logging
from collections.abc import Callable

from downroute.config import Settings
from downroute.gateway.log_lines import SaidNowAndThen
from downroute.store import Bodies, Keeping, Redaction, Store

PATIENCE_S = 2.0
"""What texts on which users' patterns take too long may cost the log's thread in a minute."""

_BUSY_S = 2.0
"""How long another process may write to the store before its log is said to be stuck."""


def keeping(settings: Settings) -> Keeping:
    """What of a call's words is kept, by task."""
    tasks = settings.tasks.items()
    by_task = {name: Bodies(task.bodies) for name, task in tasks if task.bodies is not None}
    return Keeping(Bodies(settings.store.bodies), by_task)


def store_opener(settings: Settings) -> Callable[[], Store]:
    """Opens the store; may be called again where that fails."""
    reason = "a pattern of store.redact takes too long"
    dropped = SaidNowAndThen(logging.WARNING, "text dropped", reason=reason)
    redaction = Redaction(settings.store.redact, patience_s=PATIENCE_S, dropped=dropped)
    durable = settings.log.durability == "sync"
    return lambda: Store.open(
        settings.store.path, redaction=redaction, busy_timeout_s=_BUSY_S, durable=durable
    )
