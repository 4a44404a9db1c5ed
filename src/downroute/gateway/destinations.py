"""Where each model lives: its upstream's addresses, key and limits, read once at the start."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from downroute.config import ModelSettings, Settings, Upstream, read_secret
from downroute.errors import ConfigError
from downroute.providers.endpoint import endpoint

OPENAI = "openai"
ANTHROPIC = "anthropic"
_KEY_HEADERS = {OPENAI: "authorization", ANTHROPIC: "x-api-key"}
_CREDENTIALS = frozenset({"authorization", "api-key", "x-api-key"})
_VERSION = "2023-06-01"
"""Of Anthropic's API, where the client names none."""


@dataclass(frozen=True, slots=True)
class Address:
    """One upstream as it is asked. ``api`` is its shape, ``chat_url`` where models are asked in
    that shape; ``base`` with a path behind it, and ``query``, make any other address of it.
    ``headers`` are the configured ones, key included; ``defaults`` are sent where the client sends
    none of that name."""

    upstream: str
    api: str
    chat_url: str
    models_url: str
    base: str
    query: str
    timeout_s: float
    own_key: bool
    headers: Mapping[str, str] = field(repr=False)
    defaults: Mapping[str, str] = field(default_factory=dict)


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

    def for_path(self, model: str | None, *, anthropic: bool) -> tuple[Address, str | None]:
        """Where a request goes that is not routed, and what its model is called there: to the
        model's upstream, without one to the first of the shape that the client speaks."""
        if model is not None:
            address, settings = self.of(model)
            if model in self._settings.models or len(self._addresses) == 1:
                return address, settings.name or model
        shape = ANTHROPIC if anthropic else OPENAI
        of_shape = (a for a in self._addresses.values() if a.api == shape)
        return next(of_shape, self.default), None

    def of(self, model: str, api: str | None = None) -> tuple[Address, ModelSettings]:
        """Where ``model`` is asked, and how requests are adapted to it. One that is not configured
        lives on the first upstream that speaks ``api``, if one does."""
        name, _ = self._settings.upstream_of(model)
        address = self._addresses[name]
        if api is not None and address.api != api and model not in self._settings.models:
            address = next((a for a in self._addresses.values() if a.api == api), address)
        return address, self._settings.model(model)


def _address(name: str, upstream: Upstream, environment: Mapping[str, str]) -> Address:
    where = endpoint(upstream.base_url, f"upstreams.{name}.base_url")
    key = read_secret(upstream.key, environment)
    headers = {k.lower(): v for k, v in upstream.headers.items()}
    if key is not None:
        header = (upstream.key_header or _KEY_HEADERS[upstream.api]).lower()
        headers[header] = f"Bearer {key}" if header == "authorization" else key
    anthropic = upstream.api == ANTHROPIC
    return Address(
        upstream=name,
        api=upstream.api,
        chat_url=f"{where.base}/messages" if anthropic else where.url,
        models_url=f"{where.base}/models",
        base=where.base,
        query=urlsplit(where.url).query,
        timeout_s=upstream.timeout_s,
        own_key=key is not None or bool(_CREDENTIALS & set(headers)),
        headers=headers,
        defaults={"anthropic-version": _VERSION} if anthropic else {},
    )
