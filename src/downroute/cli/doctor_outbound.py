"""Where the settings let downroute connect to. Judges are models on these upstreams as well."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from downroute.config import Settings


def outbound_hosts(settings: Settings) -> dict[str, list[str]]:
    """Each ``host:port``, sorted, with the names of the upstreams there; ``telemetry`` where
    traces are sent to."""
    hosts: dict[str, list[str]] = {}
    named = [
        (name, place.base_url)
        for name, upstream in settings.upstreams.items()
        for place in upstream.places
    ]
    if settings.telemetry.otlp is not None:
        named.append(("telemetry", settings.telemetry.otlp))
    for name, address in named:
        url = urlsplit(address)
        port = url.port or (443 if url.scheme == "https" else 80)
        host = url.hostname or ""
        there = hosts.setdefault(f"[{host}]:{port}" if ":" in host else f"{host}:{port}", [])
        if name not in there:
            there.append(name)
    return dict(sorted(hosts.items()))
