from __future__ import annotations

import pytest

from downroute.providers.retries import (
    LONGEST_BACKOFF_S,
    LONGEST_WAIT_S,
    retry_after_s,
    wait_s,
    worth_another_try,
)

DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
DATE_AS_UNIX = 784111777.0


@pytest.mark.parametrize(
    ("status", "again"),
    [
        *((refused, False) for refused in (400, 401, 404, 422)),
        *((passing, True) for passing in (408, 409, 429, 500, 503, 529)),
    ],
)
def test_only_what_may_pass_is_tried_again(status: int, again: bool) -> None:
    assert worth_another_try(status, None, {}) is again


def test_the_upstream_has_the_last_word_and_no_waiting_brings_credit() -> None:
    assert worth_another_try(400, None, {"x-should-retry": "true"})
    assert not worth_another_try(500, None, {"x-should-retry": "false"})
    assert not worth_another_try(429, "insufficient_quota", {})


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "3"}, 0.25),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "Mon, 01 Jan 99999999999 00:00:00 GMT"}, None),
        ({"retry-after": "Mon, 99999999999999999999 Jan 2020 00:00:00 GMT"}, None),
        ({"retry-after": "Mon, 01 Jan 2020 00:00:00 +99999999999999999999"}, None),
        ({"retry-after": DATE, "date": "Mon, 01 Jan 99999999999 00:00:00 GMT"}, 7.0),
        ({"retry-after": DATE}, 7.0),
        ({"retry-after": DATE, "date": "Sun, 06 Nov 1994 08:49:07 GMT"}, 30.0),
        ({"retry-after": DATE, "date": "Sun, 06 Nov 1994 09:49:37 GMT"}, 0.0),
    ],
)
def test_how_long_an_upstream_asks_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers, now=DATE_AS_UNIX - 7) == seconds


def test_waits_double_up_to_a_limit_and_jitter_only_shortens_them() -> None:
    assert [wait_s(n, None, 0.0) for n in (1, 2, 3)] == [0.5, 1.0, 2.0]
    assert wait_s(5000, None, 0.0) == LONGEST_BACKOFF_S
    assert wait_s(2, None, 0.999) > 0.5


def test_a_wait_asked_for_is_kept_but_bounded() -> None:
    assert wait_s(1, 3.0, 0.0) == 3.0
    assert 3.0 < wait_s(1, 3.0, 0.9) < 3.75
    assert wait_s(1, 86_400.0, 0.5) == LONGEST_WAIT_S
