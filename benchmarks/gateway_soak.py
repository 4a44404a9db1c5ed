"""Mixed load, faults and reloads on a gateway that runs, for as long as is asked.

    python benchmarks/gateway_soak.py --minutes 30 --rate 70 --seed 1

Both APIs, plain and streamed, tools, cascades, passed-through calls, clients that go away;
upstreams that fail as each call says; small models that are down for a while; policy and settings
rewritten, broken and mended; the policy switched off and on; the store locked; workers replaced in
the first third and near the end, so that the time between shows whether anything grows. Prints
tables in Markdown; exits 1 where a client saw an error that no fault explains, a call has not
exactly one row with the status its client saw, or anything grew.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from soak_calls import Planned, ask, planned
from soak_found import Soak
from soak_gateway import OPEN_S, SoakGateway
from soak_upstream import SoakUpstream

FAULT_SHARE = 0.12
WORKERS = 2
SAMPLE_S = 5.0
DOWN_S = 5.0
STALL_S = 2.0
"""Time-outs are three seconds."""


@dataclass(frozen=True)
class Given:
    seconds: float
    rate: float
    seed: int
    durability: str


class Soaking:
    """About ``rate`` calls a second, for so many seconds."""

    def __init__(self, gateway: SoakGateway, upstream: SoakUpstream, given: Given) -> None:
        self._gateway = gateway
        self._upstream = upstream
        self._given = given
        self._draw = random.Random(given.seed)
        self._began = time.monotonic()
        self.soak = Soak()

    @property
    def _at_s(self) -> float:
        return time.monotonic() - self._began

    async def run(self, url: str) -> None:
        self._began = time.monotonic()
        whole_s = self._given.seconds
        # Settings are taken over within a second, and what workers hold is warm soon after.
        self.soak.quiet = (0.3 * whole_s, 0.95 * whole_s)
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=4)
        async with aiohttp.ClientSession(connector=connector) as session:
            beside = [
                asyncio.create_task(work)
                for work in (
                    self._sampling(session, url),
                    self._watching_itself(),
                    *self._events(whole_s),
                )
            ]
            await self._load(session, url, whole_s)
            for task in beside:
                task.cancel()
            for ended in await asyncio.gather(*beside, return_exceptions=True):
                if isinstance(ended, Exception):
                    raise ended
            await asyncio.sleep(2)
            await self._sample(session, url)
        self.soak.seconds = self._at_s

    async def _load(self, session: aiohttp.ClientSession, url: str, whole_s: float) -> None:
        under_way: set[asyncio.Task[None]] = set()

        async def one(call: Planned) -> None:
            self.soak.take(await ask(session, url, call))

        number, due = 0, 0.0
        while due < whole_s:
            due += self._draw.expovariate(self._given.rate)
            await asyncio.sleep(max(0.0, due - self._at_s))
            number += 1
            task = asyncio.create_task(one(planned(self._draw, number, FAULT_SHARE)))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        await asyncio.gather(*under_way)

    async def _watching_itself(self) -> None:
        """Note when all upstreams stood still, being in this process, for lack of a processor."""
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.05)
            if time.monotonic() - before > STALL_S:
                self.soak.stalls.append((before, time.monotonic()))

    async def _sampling(self, session: aiohttp.ClientSession, url: str) -> None:
        while True:
            await self._sample(session, url)
            await asyncio.sleep(SAMPLE_S)

    async def _sample(self, session: aiohttp.ClientSession, url: str) -> None:
        async with session.get(url + "/metrics") as reply:
            text = await reply.text()
        try:
            self.soak.samples.append(self._gateway.sample(self._at_s, text))
        except FileNotFoundError:
            return  # a worker has just ended; the next sample is soon

    def _events(self, whole_s: float) -> list[object]:
        gateway = self._gateway
        minute = min(60.0, whole_s / 10)
        replaced = [(f * whole_s, gateway.replace_workers) for f in (0.08, 0.2, 0.97)]
        ended = [(f * whole_s, gateway.end_a_worker) for f in (0.12, 0.16, 0.24)]
        return [
            self._every(0.4 * minute, "policy rewritten", gateway.write_policy),
            self._every(0.55 * minute, "settings rewritten", gateway.write_config),
            self._every(
                1.9 * minute, "policy broken", gateway.break_policy, gateway.write_policy, 3
            ),
            self._every(
                2.3 * minute, "settings broken", gateway.break_config, gateway.write_config, 3
            ),
            self._every(
                2.9 * minute,
                "policy switched off",
                lambda: gateway.switch("off"),
                lambda: gateway.switch("on"),
                3,
            ),
            self._every(3.1 * minute, "store locked for 2 s", lambda: gateway.lock_store(2)),
            self._every(2.6 * minute, "small models down", self._down, self._up, DOWN_S),
            *(self._once(at, "all workers replaced", act) for at, act in replaced),
            *(self._once(at, "one worker ended", act) for at, act in ended),
        ]

    async def _every(
        self,
        every_s: float,
        name: str,
        act: Callable[[], None],
        undo: Callable[[], None] | None = None,
        after_s: float = 0.0,
    ) -> None:
        while True:
            await asyncio.sleep(every_s)
            await self._do(name, act)
            if undo is not None:
                await asyncio.sleep(after_s)
                await asyncio.to_thread(undo)

    async def _once(self, at_s: float, name: str, act: Callable[[], None]) -> None:
        await asyncio.sleep(at_s)
        await self._do(name, act)

    async def _do(self, name: str, act: Callable[[], None]) -> None:
        await asyncio.to_thread(act)
        self.soak.events[name] += 1

    def _down(self) -> None:
        self._upstream.down = True
        # Until the circuit that has opened is closed again by the request that tries.
        until = time.monotonic() + DOWN_S + OPEN_S + 5
        self.soak.outages.append((time.monotonic(), until))

    def _up(self) -> None:
        self._upstream.down = False


async def soak(folder: Path, given: Given) -> Soak:
    upstream = SoakUpstream(given.seed)
    gateway = SoakGateway(folder, await upstream.start(), WORKERS, given.durability)
    soaking = Soaking(gateway, upstream, given)
    found = soaking.soak
    url = await asyncio.to_thread(gateway.start)
    try:
        await soaking.run(url)
    finally:
        found.exit_code = await asyncio.to_thread(gateway.stop)
        await upstream.stop()
    found.excuse_stalls()
    found.internal = gateway.internal_errors()
    found.check_rows(gateway.rows(), upstream.asked_for)
    return found


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--minutes", type=float, default=30)
    arguments.add_argument("--rate", type=float, default=70)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--durability", choices=["async", "sync"], default="async")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as name:
        asked = Given(given.minutes * 60, given.rate, given.seed, given.durability)
        found = asyncio.run(soak(Path(name), asked))
    print("\n".join(found.report()))
    for line in found.troubles():
        print(line, file=sys.stderr)
    return 0 if found.good else 1


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
