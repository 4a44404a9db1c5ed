"""A gateway on real sockets, in front of an upstream that answers as a test tells it to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from downroute import config
from downroute.cli.pricing import price_table
from downroute.config import Settings
from downroute.gateway.service import gateway

from .running import Gateway, Loop, Start
from .upstream import Upstream

PRICES = """
prices:
  large: {input: 10, output: 100}
  small: {input: 1, output: 10}
"""


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


@pytest.fixture
def upstream(loop: Loop) -> Iterator[Upstream]:
    upstream = Upstream()
    loop.run(upstream.start())
    yield upstream
    loop.run(upstream.stop())


@pytest.fixture
def start(loop: Loop, upstream: Upstream, tmp_path: Path) -> Iterator[Start]:
    """``start(policy text or None, configuration text, **environment)`` → a gateway."""
    stack = AsyncExitStack()

    def start_gateway(
        policy: str | None = None, configuration: str = "", **environment: str
    ) -> Gateway:
        text = configuration.replace("UPSTREAM", upstream.url) or "{}"
        settings = config.parse(PRICES + text if configuration else PRICES, "downroute.yaml")
        if not settings.upstreams:
            only = config.Upstream(base_url=upstream.url)
            settings = settings.model_copy(update={"upstreams": {"test": only}})
        path = tmp_path / "policy.yaml"
        if policy is not None:
            path.write_text(policy)
        store = settings.store.model_copy(update={"path": tmp_path / "store"})
        settings = settings.model_copy(update={"store": store})
        started = loop.run(stack.enter_async_context(_gateway(settings, path, environment)))
        return Gateway(started.url, path, store.path, started)

    yield start_gateway
    loop.run(stack.aclose())


def _gateway(settings: Settings, policy: Path, environment: Mapping[str, str]) -> Any:
    return gateway(settings, policy, price_table, environment=environment)
