from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from downroute.gateway.upstream import Fault, NoReplyError
from downroute.gateway.upstreams.turns import Turns
from downroute.upstream_settings import InFlight


def told(turns: Turns, work: Callable[[Turns], Awaitable[None]]) -> None:
    async def run() -> None:
        async with asyncio.timeout(10):
            await work(turns)

    asyncio.run(run())


async def waits(turns: Turns) -> asyncio.Task[None]:
    task = asyncio.ensure_future(turns.take(10))
    await asyncio.sleep(0)
    assert not task.done()
    return task


def test_turns_go_to_whoever_came_first() -> None:
    async def work(turns: Turns) -> None:
        await turns.take(1)
        first, second = await waits(turns), await waits(turns)
        turns.give_back()
        await first
        assert (second.done(), turns.taken, turns.waiting) == (False, 1, 1)
        turns.give_back()
        await second
        turns.give_back()
        assert (turns.taken, turns.waiting) == (0, 0)

    told(Turns(InFlight(most=1)), work)


def test_who_finds_the_queue_full_is_told_at_once_and_who_waits_too_long_after_that() -> None:
    async def work(turns: Turns) -> None:
        await turns.take(1)
        queued = await waits(turns)
        for longest_s in (10.0, 0.01):
            with pytest.raises(NoReplyError) as caught:
                await turns.take(longest_s)
            assert (caught.value.fault, caught.value.retry_after_s) == (Fault.BUSY, 1.0)
        with pytest.raises(NoReplyError, match="too many calls under way"):
            await queued
        assert (turns.taken, turns.waiting) == (1, 0)

    told(Turns(InFlight(most=1, waiting=1, wait_s=0.1)), work)


@pytest.mark.parametrize("given_back_first", [True, False])
def test_a_turn_is_not_lost_with_whoever_does_not_want_it_any_more(given_back_first: bool) -> None:
    async def work(turns: Turns) -> None:
        await turns.take(1)
        gone, next_one = await waits(turns), await waits(turns)
        if given_back_first:
            turns.give_back()
        gone.cancel()
        await asyncio.wait({gone})
        if not given_back_first:
            turns.give_back()
        await next_one
        assert (turns.taken, turns.waiting) == (1, 0)

    told(Turns(InFlight(most=1)), work)


def test_a_bound_that_is_raised_lets_those_pass_who_wait() -> None:
    async def work(turns: Turns) -> None:
        await turns.take(1)
        waiting = [await waits(turns) for _ in range(3)]
        turns.settings = InFlight(most=3)
        turns.pass_on()
        await asyncio.sleep(0)
        assert [task.done() for task in waiting] == [True, True, False]
        turns.settings = InFlight()
        turns.pass_on()
        await asyncio.wait(waiting)
        assert turns.taken == 4

    told(Turns(InFlight(most=1)), work)
