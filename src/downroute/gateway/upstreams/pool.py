"""An upstream with all the places that answer for it, and which of them is asked next."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

from downroute.gateway.message import Headers
from downroute.gateway.upstream import Fault, NoReplyError, Patience, UpstreamClient, UpstreamReply
from downroute.gateway.upstreams.address import Address
from downroute.gateway.upstreams.breaker import Breaker
from downroute.gateway.upstreams.turns import TakenReply, Turns
from downroute.upstream_settings import Retries

_NO_NAMES: Mapping[str, str] = {}


class Deployment:
    """One place, with what is known of how it fares. ``rests_until``, on the loop's clock: it has
    said that it is sent too much, so others go first."""

    __slots__ = ("address", "breaker", "names", "rests_until", "weight")

    def __init__(
        self,
        address: Address,
        breaker: Breaker,
        weight: float = 1.0,
        names: Mapping[str, str] = _NO_NAMES,
    ) -> None:
        self.address = address
        self.breaker = breaker
        self.weight = weight
        self.names = names
        self.rests_until = 0.0


class Pool:
    """One upstream. ``deployments`` stand in the order of the configuration."""

    def __init__(
        self,
        deployments: Sequence[Deployment],
        retries: Retries,
        turns: Turns,
        draw: random.Random | None = None,
    ) -> None:
        self.deployments = tuple(deployments)
        self.retries = retries
        self.turns = turns
        self._draw = draw or random.Random()  # noqa: S311 - spreads load, guards nothing

    @property
    def first(self) -> Address:
        """Where requests go that may depend on earlier ones: files, batches, stored replies."""
        return self.deployments[0].address

    @property
    def name(self) -> str:
        return self.first.upstream

    @property
    def api(self) -> str:
        return self.first.api

    @property
    def all_open(self) -> bool:
        """Whether nobody is sent to any of its places."""
        return self.open_circuits == len(self.deployments)

    @property
    def open_circuits(self) -> int:
        """How many of its places are left alone, or tried with one request."""
        return sum(not d.breaker.closed for d in self.deployments)

    def choose(self, tried: Collection[Deployment], now: float) -> Deployment | None:
        """One that has not been ``tried`` and may be asked: by weight among those that do not
        rest; then one of weight 0; then the one that has rested most. ``None`` = there is none."""
        if len(self.deployments) == 1 and not tried:
            only = self.deployments[0]
            return only if only.breaker.lets_pass(now) else None
        able = [d for d in self.deployments if d not in tried and d.breaker.lets_pass(now)]
        fresh = [d for d in able if d.rests_until <= now]
        shares = [d for d in fresh if d.weight > 0]
        if shares:
            return self._draw.choices(shares, [d.weight for d in shares])[0]
        if fresh:
            return fresh[0]
        return min(able, key=lambda d: d.rests_until, default=None)

    def closed_off(self, now: float) -> NoReplyError:
        """Why nobody is asked where `choose` finds none."""
        soonest = min(self.deployments, key=lambda d: d.breaker.opens_in_s(now))
        again_s = max(soonest.breaker.opens_in_s(now), 0.1)
        failures = soonest.breaker.failures
        said = f"its upstream failed {failures} times in a row and is not asked for {again_s:.1f} s"
        return NoReplyError(Fault.OPEN, said, retry_after_s=again_s)

    def send(
        self,
        client: UpstreamClient,
        method: str,
        url: str,
        headers: Headers,
        body: bytes,
        patience: Patience,
    ) -> Awaitable[UpstreamReply]:
        """As `UpstreamClient.send`, in its turn. The reply has to be closed."""
        if not self.turns.bounded:
            return client.send(method, url, headers, body, patience)
        return self._in_turn(lambda: client.send(method, url, headers, body, patience), patience)

    async def _in_turn(
        self, send: Callable[[], Awaitable[UpstreamReply]], patience: Patience
    ) -> UpstreamReply:
        turns = self.turns
        await turns.take(patience.total_s)
        try:
            reply = await send()
        except BaseException:
            turns.give_back()
            raise
        return TakenReply(reply, turns)
