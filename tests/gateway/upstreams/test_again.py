from __future__ import annotations

import pytest

from downroute.gateway.upstream import Fault
from downroute.gateway.upstreams.again import (
    Again,
    after_fault,
    after_status,
    asked_to_wait_s,
    wait_s,
)


@pytest.mark.parametrize(
    ("again", "statuses"),
    [
        (Again.ANYWHERE, [429, 503, 529]),
        (Again.ELSEWHERE, [401, 403, 404, 408, 409, 500, 502, 504]),
        (Again.NOWHERE, [400, 405, 413, 415, 422]),
    ],
)
def test_what_is_said_of_the_request_is_not_asked_again(again: Again, statuses: list[int]) -> None:
    assert [after_status(s, None) for s in statuses] == [again] * len(statuses)


def test_no_waiting_mends_an_account_without_credit() -> None:
    assert after_status(429, "insufficient_quota") is Again.ELSEWHERE


def test_what_was_taken_and_not_answered_is_not_sent_to_the_same_place_again() -> None:
    assert after_fault(Fault.UNREACHABLE) is Again.ANYWHERE
    assert {after_fault(f) for f in (Fault.TIMEOUT, Fault.BROKEN)} == {Again.ELSEWHERE}
    assert {after_fault(f) for f in (Fault.BUSY, Fault.OPEN, Fault.WRONG_API)} == {Again.NOWHERE}


def test_waits_double_by_half_at_random_and_follow_what_the_upstream_asks() -> None:
    assert [wait_s(n, None, 0.0) for n in (1, 2, 3)] == [0.05, 0.1, 0.2]
    assert [wait_s(n, None, 0.5) for n in (1, 2, 3)] == pytest.approx([0.075, 0.15, 0.3])
    assert (wait_s(1, 2.0, 0.0), wait_s(9, 2.0, 1.0)) == (2.0, 2.5)


def test_only_who_is_sent_too_much_is_asked_how_long_to_wait() -> None:
    headers = [("retry-after", "7")]
    assert asked_to_wait_s(429, headers, 0.0) == 7.0
    assert asked_to_wait_s(500, headers, 0.0) is None
    assert asked_to_wait_s(503, [], 0.0) is None
