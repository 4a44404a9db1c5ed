"""Where each model lives: the upstreams of the settings in force, with how they fare."""

from __future__ import annotations

import os
from collections.abc import Mapping

from downroute.config import ModelSettings, Settings
from downroute.errors import ConfigError
from downroute.gateway.own_keys import OwnKeys
from downroute.gateway.upstreams.address import ANTHROPIC, OPENAI, address
from downroute.gateway.upstreams.breaker import Breaker
from downroute.gateway.upstreams.pool import Deployment, Pool
from downroute.gateway.upstreams.turns import Turns
from downroute.upstream_settings import Upstream

_MOST_FOUND = 1024
Known = Mapping[tuple[str, str, str | None], Breaker]
"""Breakers by upstream, URL and the key's name."""


class Destinations:
    """The upstreams of a configuration.

    Raises:
        ConfigError: there is none, a URL is none, or a key cannot be read.
    """

    def __init__(self, settings: Settings, environment: Mapping[str, str] = os.environ) -> None:
        self._environment = environment
        self._breakers: Known = {}
        self._pools: dict[str, Pool] = {}
        self._found: dict[tuple[str, str | None], tuple[Pool, ModelSettings]] = {}
        self._settings = settings
        self.own_keys = OwnKeys()
        self.take(settings)

    def take(self, settings: Settings) -> None:
        """Go by ``settings`` from now on; calls under way end as they began. What is known of
        places that stay the same is kept. Raises as the class; then nothing has changed."""
        if not settings.upstreams:
            raise ConfigError(
                "there is no upstream to send calls to: add `upstreams: {NAME: {base_url: URL, "
                "key: env:VARIABLE}}` to downroute.yaml or pass --upstream URL"
            )
        breakers: dict[tuple[str, str, str | None], Breaker] = {}
        pools = {}
        for name, upstream in settings.upstreams.items():
            deployments = []
            for place in upstream.places:
                at = address(name, upstream, place, self._environment)
                self.own_keys.add(at.key, at.headers, at.query)
                identity = (name, at.chat_url, place.key)
                breakers[identity] = self._breaker(identity, upstream)
                deployments.append(
                    Deployment(at, breakers[identity], place.weight, place.names),
                )
            known = self._pools.get(name)
            turns = known.turns if known else Turns(upstream.in_flight)
            pools[name] = Pool(deployments, upstream.retries, turns)
        for name, pool in pools.items():
            pool.turns.settings = settings.upstreams[name].in_flight
            pool.turns.pass_on()
        for identity, breaker in breakers.items():
            breaker.settings = settings.upstreams[identity[0]].breaker
        self._settings, self._pools, self._breakers = settings, pools, breakers
        self._found = {}

    @property
    def pools(self) -> Mapping[str, Pool]:
        return self._pools

    @property
    def models(self) -> Mapping[str, str]:
        """Every configured model with the name of its upstream."""
        return {m: self._settings.upstream_of(m)[0] for m in self._settings.models}

    def for_path(self, model: str | None, *, anthropic: bool) -> tuple[Pool, str | None]:
        """Where a request goes that is not routed, and what its model is usually called there: to
        the model's upstream, without one to the first of the shape that the client speaks."""
        if model is not None:
            pool, settings = self.of(model)
            if model in self._settings.models or len(self._pools) == 1:
                return pool, settings.name or model
        shape = ANTHROPIC if anthropic else OPENAI
        of_shape = (p for p in self._pools.values() if p.api == shape)
        return next(of_shape, self._first), None

    def of(self, model: str, api: str | None = None) -> tuple[Pool, ModelSettings]:
        """Where ``model`` is asked, and how requests are adapted to it. One that is not configured
        lives on the first upstream that speaks ``api``, if one does."""
        known = self._found.get((model, api))
        if known is None:
            if len(self._found) >= _MOST_FOUND:
                self._found.clear()
            known = self._found[model, api] = self._find(model, api)
        return known

    def _find(self, model: str, api: str | None) -> tuple[Pool, ModelSettings]:
        name, _ = self._settings.upstream_of(model)
        pool = self._pools[name]
        if api is not None and pool.api != api and model not in self._settings.models:
            pool = next((p for p in self._pools.values() if p.api == api), pool)
        return pool, self._settings.model(model)

    @property
    def _first(self) -> Pool:
        return next(iter(self._pools.values()))

    def _breaker(self, identity: tuple[str, str, str | None], upstream: Upstream) -> Breaker:
        return self._breakers.get(identity) or Breaker(upstream.breaker)
