from __future__ import annotations

from downroute.gateway.upstreams.breaker import Breaker
from downroute.upstream_settings import Breaker as Settings


def opened(failures: int = 3, open_s: float = 5.0) -> Breaker:
    breaker = Breaker(Settings(failures=failures, open_s=open_s))
    told = [breaker.failed(100.0) for _ in range(failures)]
    assert told == [False] * (failures - 1) + [True]
    return breaker


def test_it_opens_after_so_many_failures_in_a_row_and_not_before() -> None:
    breaker = Breaker(Settings(failures=3))
    for failures in (1, 2):
        for _ in range(failures):
            breaker.failed(0.0)
        assert breaker.lets_pass(0.0)
        breaker.worked()
    assert not opened().lets_pass(104.9)


def test_after_a_while_one_is_sent_and_nobody_else_until_that_one_is_back() -> None:
    breaker = opened()
    assert breaker.lets_pass(105.0)
    breaker.sent()
    assert not breaker.lets_pass(105.0)
    breaker.gave_up()
    assert breaker.lets_pass(106.0)


def test_one_that_works_closes_it_and_one_that_fails_opens_it_anew() -> None:
    breaker = opened()
    breaker.sent()
    assert not breaker.failed(105.0)
    assert (breaker.lets_pass(109.9), breaker.lets_pass(110.0)) == (False, True)
    assert breaker.opens_in_s(107.0) == 3.0
    breaker.sent()
    breaker.worked()
    assert breaker.closed and breaker.lets_pass(0.0) and breaker.failures == 0


def test_one_that_is_switched_off_never_opens() -> None:
    breaker = Breaker(Settings(failures=None))
    assert not any(breaker.failed(0.0) for _ in range(1000))
    assert breaker.lets_pass(0.0)
