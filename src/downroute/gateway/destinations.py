"""Where each model lives: its upstream's addresses, key and limits, read once at the start."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from downroute.config import ModelSettings, Settings, Upstream, read_secret
from downroute.errors import ConfigError
from downroute.providers.endpoint import endpoint


@dataclass(frozen=True, slots=True)
class Address:
    """One upstream as it is asked. ``headers`` are the configured ones, key included."""

    upstream: str
    chat_url: str
    models_url: str
    timeout_s: float
    own_key: bool
    headers: Mapping[str, str] = field(repr=False)


class Destinations:
    """The upstreams of a configuration.

    Raises:
        ConfigError: there is none, a URL is none, or a key cannot be read.
    """

    def __init__(self, settings: Settings, environment: Mapping[str, str] = os.environ) -> None:
        if not settings.upstreams:
            raise ConfigError(
                "there is no upstream to send calls to: add `upstreams: {NAME: {base_url: URL, "
                "key: env:VARIABLE}}` to downroute.yaml or pass --upstream URL"
            )
        self._settings = settings
        self._addresses = {
            name: _address(name, upstream, environment)
            for name, upstream in settings.upstreams.items()
        }

    @property
    def default(self) -> Address:
        return next(iter(self._addresses.values()))

    @property
    def models(self) -> Mapping[str, str]:
        """Every configured model with the name of its upstream."""
        return {m: self._settings.upstream_of(m)[0] for m in self._settings.models}

    def of(self, model: str) -> tuple[Address, ModelSettings]:
        """Where ``model`` is asked, and how requests are adapted to it."""
        name, _ = self._settings.upstream_of(model)
        return self._addresses[name], self._settings.model(model)


def _address(name: str, upstream: Upstream, environment: Mapping[str, str]) -> Address:
    where = endpoint(upstream.base_url, f"upstreams.{name}.base_url")
    key = read_secret(upstream.key, environment)
    headers = {k.lower(): v for k, v in upstream.headers.items()}
    if key is not None:
        headers["authorization"] = f"Bearer {key}"
    return Address(
        upstream=name,
        chat_url=where.url,
        models_url=f"{where.base}/models",
        timeout_s=upstream.timeout_s,
        own_key=key is not None or "api-key" in headers or "authorization" in headers,
        headers=headers,
    )
