import asyncio

from downroute.providers.pace import Pace


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self):
        self.now = 0.0
        self.slept = []

    async def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


def run(steps, ceiling=8):
    clock = Clock()

    async def inside():
        return await steps(Pace(ceiling, lambda: clock.now, clock.sleep), clock)

    return asyncio.run(inside())


async def one(pace, *, overloaded=False, answered=False):
    async with pace.turn() as turn:
        turn.overloaded, turn.answered = overloaded, answered


def test_an_overload_halves_it_and_a_round_of_answers_lets_in_one_more():
    async def steps(pace, clock):
        await one(pace, overloaded=True)
        halved = pace.limit
        for _ in range(4):
            await one(pace, answered=True)
        return halved, pace.limit, pace.lowest

    halved, later, lowest = run(steps)
    assert halved == 4 and 4.8 < later < 5.0 and lowest == 4


def test_overloads_of_one_round_halve_it_once_and_it_never_falls_below_one():
    async def steps(pace, clock):
        async with pace.turn() as a, pace.turn() as b:
            a.overloaded = b.overloaded = True
        once = pace.limit
        for _ in range(9):
            await one(pace, overloaded=True)
        return once, pace.limit

    assert run(steps) == (4, 1)


def test_it_never_rises_above_the_ceiling():
    async def steps(pace, clock):
        for _ in range(30):
            await one(pace, answered=True)
        return pace.limit

    assert run(steps, ceiling=3) == 3


def test_no_more_are_under_way_than_the_limit_and_all_get_their_turn():
    async def steps(pace, clock):
        under_way, most, done = 0, [], []

        async def ask(number):
            nonlocal under_way
            async with pace.turn() as turn:
                under_way += 1
                most.append((under_way, int(pace.limit)))
                await asyncio.sleep(0.001)
                under_way -= 1
                turn.overloaded = number in (5, 20)
                turn.answered = not turn.overloaded
            done.append(number)

        await asyncio.gather(*(ask(n) for n in range(60)))
        return most, done

    most, done = run(steps, ceiling=6)
    assert sorted(done) == list(range(60))
    assert max(u for u, _ in most) == 6


def test_a_hold_keeps_everybody_back_and_who_waited_for_it_waits_no_longer():
    async def steps(pace, clock):
        pace.hold(7)
        await one(pace)
        await one(pace)
        pace.hold(2)
        async with pace.turn(pace.held_until):
            pass
        return clock.slept

    assert run(steps) == [7.0]
