"""What ``downroute doctor`` says of the gateway's own keys."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping

from downroute.cli.doctor_finding import Finding
from downroute.config import Settings
from downroute.errors import ConfigError
from downroute.gateway.door import admin_digest
from downroute.gateway.hosts import is_loopback

_SOON_S = 14 * 86_400.0


def keys(settings: Settings, environment: Mapping[str, str] = os.environ) -> Iterator[Finding]:
    """Whether clients are asked for a key, which keys end soon, whether the admin key is one."""
    now, every = time.time(), settings.gateway.keys
    alive = {
        name: key.expires_at
        for name, key in every.items()
        if not key.revoked and not (key.expires_at is not None and key.expires_at <= now)
    }
    if alive:
        yield Finding("ok", "keys", f"{len(alive)} of {len(every)} let in")
    elif every:
        says = "none lets in any more: `downroute keys create NAME`"
        yield Finding("warn", "keys", says)
    elif is_loopback(settings.serve.host):
        yield Finding("ok", "keys", "none; `serve` lets in whoever is on this machine")
    else:
        says = f"none, and serve.host is {settings.serve.host}: `downroute keys create NAME`"
        yield Finding("warn", "keys", says)
    for name, ends_at in alive.items():
        if ends_at is not None and ends_at - now < _SOON_S:
            days = int((ends_at - now) // 86_400)
            yield Finding("warn", f"key {name}", f"ends in {days} days")
    yield from _admin(settings, environment)


def _admin(settings: Settings, environment: Mapping[str, str]) -> Iterator[Finding]:
    reference = settings.gateway.admin_key
    try:
        if admin_digest(reference, environment) is not None:
            yield Finding("ok", "admin key", str(reference))
        elif settings.gateway.keys:
            says = "none, so nobody gets at /metrics: name one under `gateway.admin_key`"
            yield Finding("warn", "admin key", says)
    except ConfigError as fault:
        yield Finding("fail", "admin key", str(fault))
