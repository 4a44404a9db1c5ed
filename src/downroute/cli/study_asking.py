"""Models as a study asks them: each with a client of its upstream."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack

from downroute.cli.study_system import after
from downroute.cli.study_wishes import Wishes
from downroute.config import Settings, read_secret
from downroute.money.rates import Rates
from downroute.providers.client import Client
from downroute.providers.parameters import adapt
from downroute.records import Json
from downroute.study.asking import Candidate
from downroute.study.settings import StudySettings


class Asking:
    """Makes candidates, each with a client of its upstream; models on one upstream share its
    slots. The clients are closed with ``stack``."""

    def __init__(
        self,
        question: StudySettings,
        settings: Settings,
        wishes: Wishes,
        stack: AsyncExitStack,
        rates: Callable[[str], Rates | None],
    ) -> None:
        self._question = question
        self._settings = settings
        self._wishes = wishes
        self._stack = stack
        self._rates = rates
        self._clients: dict[str, tuple[Client, asyncio.Semaphore, int]] = {}

    async def candidate(self, name: str) -> Candidate:
        """The candidate of that name, with the study's prompt where it has one."""
        return await self._made(name, self._question.model_of(name), self._question.system)

    async def baseline(self) -> Candidate:
        """The baseline as it is, asked like a candidate."""
        return await self._made(self._question.baseline, self._question.baseline, None)

    async def other(self, model: str) -> Candidate:
        """A model that judges or gives second opinions, asked like a candidate."""
        return await self._made(model, model, None)

    async def _made(self, name: str, model: str, system: str | None) -> Candidate:
        client, slots, concurrency = await self._client(model)
        return Candidate(
            model=name,
            upstream=whom(model, self._settings, self._wishes),
            adapt=after(adapter(model, self._settings), system),
            ask=client.ask,
            slots=slots,
            concurrency=concurrency,
            rates=self._rates(name),
            asked_as=model,
        )

    async def _client(self, model: str) -> tuple[Client, asyncio.Semaphore, int]:
        name, upstream = self._settings.upstream_of(model)
        if name not in self._clients:
            slots = self._wishes.concurrency or upstream.concurrency
            place = upstream.places[0]
            client = await self._stack.enter_async_context(
                Client(
                    place.base_url,
                    api_key=read_secret(place.key),
                    headers=place.headers,
                    # A URL from the command line stands in no file.
                    name=None if self._wishes.upstream_url else name,
                    timeout_s=upstream.timeout_s,
                    connections=slots,
                )
            )
            self._clients[name] = client, asyncio.Semaphore(slots), slots
        return self._clients[name]


def whom(model: str, settings: Settings, wishes: Wishes) -> str:
    """Whom a candidate's answers come from, as the journal names it."""
    return wishes.upstream_url or settings.upstream_of(model)[0]


def adapter(model: str, settings: Settings) -> Callable[[Mapping[str, Json]], Mapping[str, Json]]:
    """How a request is put to ``model``."""
    own = settings.model(model)
    return lambda request: adapt(
        request, own.name or model, set_=own.set, rename=own.rename, drop=own.drop
    )
