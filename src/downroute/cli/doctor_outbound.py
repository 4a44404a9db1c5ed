"""Where the settings let downroute connect to. Judges are models on these upstreams as well."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from downroute.config import Settings


def outbound_hosts(settings: Settings) -> dict[str, list[str]]:
    """Each ``host:port``, sorted, with the names of the upstreams there."""
    hosts: dict[str, list[str]] = {}
    for name, upstream in settings.upstreams.items():
        url = urlsplit(upstream.base_url)
        port = url.port or (443 if url.scheme == "https" else 80)
        host = url.hostname or ""
        hosts.setdefault(f"[{host}]:{port}" if ":" in host else f"{host}:{port}", []).append(name)
    return dict(sorted(hosts.items()))
